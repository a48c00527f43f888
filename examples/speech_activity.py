"""Speech activity in real noise: digits said in the street, at a mill, beside a fire; frames and boundaries by SNR.

    python examples/speech_activity.py

The speech is the Free Spoken Digit Dataset's, takes 0 to 4 left out for the test. The noise is recorded: a hundred
sounds of 38 places of a town, every fourth place left out for the test, which the Debian package lincity-ng-data brings
(apt-get install lincity-ng-data); --noise names another folder of .wav files. Places whose sounds are voices, which are
speech themselves, are not used.

Truth: a digit lasts from the first to the last frame of 10 ms whose power is within 25 dB of the loudest one in the
clean recording, and speech goes on through pauses below 0.3 s. SNR: mean power of the clean samples within speech over
that of the noise.
"""

import argparse
import re
import sys
import time
from pathlib import Path

import numpy as np

from keepgate import Segmenter
from keepgate.data.audio.files import read_audio
from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment
from keepgate.tasks import face

RATE = 8000
VOICES = ("Commune", "Market", "School", "SportsCroud", "University", "Shanty", "Residential", "Substation")
SNRS = (0, 5, 10, 15, 20)
PAUSE = 0.3


def digits(folder):
    """Samples of each speaker's recordings, to train on and, takes 0 to 4, to test on."""
    parts = {}, {}
    for path in sorted(folder.glob("*.wav")):
        _, speaker, take = path.stem.split("_")
        parts[int(take) < 5].setdefault(speaker, []).append(read_audio(path, RATE)[0])
    return [list(part.values()) for part in parts]


def noises(folder):
    """Samples of every noise of more than a second, by place: the file's name up to its number."""
    found = {}
    for path in sorted(folder.glob("*.wav")):
        place = re.sub(r"\d*$", "", path.stem)
        samples = read_audio(path, RATE)[0]
        if len(samples) > RATE and not place.startswith(VOICES):
            found.setdefault(place, []).append(samples)
    return found


def said(samples):
    """Where in a clean recording speech begins and ends, in seconds."""
    frames = samples[: len(samples) // 80 * 80].reshape(-1, 80)
    power = np.convolve((frames**2).mean(axis=1), np.ones(3) / 3, mode="same")
    loud = np.flatnonzero(power > power.max() * 10**-2.5)
    return loud[0] * 80 / RATE, (loud[-1] + 1) * 80 / RATE


def scene(voices, places, snr, random, varied=False):
    """Some eight seconds of noise with groups of digits in it: samples, and segments of speech.

    varied: the noise is that of two places at once, each played faster or slower, for there are but few to learn from.
    """
    digits = voices[random.integers(len(voices))]
    pieces, at, spoken = [], 0, []
    while at < 8 * RATE:
        quiet = np.zeros(int(RATE * random.uniform(0.5, 1.5)))
        pieces, at = [*pieces, quiet], at + len(quiet)
        for _ in range(random.integers(1, 5)):
            one = digits[random.integers(len(digits))]
            start, end = said(one)
            spoken.append((at / RATE + start, at / RATE + end))
            gap = np.zeros(int(RATE * random.uniform(0.0, 0.1)))
            pieces, at = [*pieces, one, gap], at + len(one) + len(gap)
    speech = np.concatenate(pieces)
    segments = [Segment(*spoken[0])]
    for start, end in spoken[1:]:
        start = segments.pop().start if start - segments[-1].end < PAUSE else start
        segments.append(Segment(start, end))
    inside = np.concatenate([speech[int(s.start * RATE) : int(s.end * RATE)] for s in segments])
    noise = sum(
        long_noise(some_noise(places, random, varied), len(speech), random) * random.uniform(0.1, 1.0)
        for _ in range(1 + varied)
    )
    noise *= np.sqrt(np.mean(inside**2) / np.mean(noise**2)) * 10 ** (-snr / 20)
    loudness = 10 ** random.uniform(-1, 0) / np.abs(speech + noise).max()
    return ((speech + noise) * loudness).astype(np.float32), segments


def some_noise(places, random, varied):
    """A noise of one of the places, of power 1; if varied, at 0.7 to 1.4 times its speed."""
    place = places[random.integers(len(places))]
    samples = place[random.integers(len(place))]
    if varied:
        samples = np.interp(np.arange(0, len(samples) - 1, random.uniform(0.7, 1.4)), np.arange(len(samples)), samples)
    return samples / np.sqrt(np.mean(samples**2))


def long_noise(samples, count, random):
    """`count` samples of a noise that begins anywhere and goes on from its start, faded over at the seam."""
    fade = np.linspace(0, 1, RATE // 20)
    seamless = samples[: -len(fade)].copy()
    seamless[: len(fade)] = seamless[: len(fade)] * fade + samples[-len(fade) :] * fade[::-1]
    return np.resize(np.roll(seamless, random.integers(len(seamless))), count)


def scenes(voices, places, snrs, random, varied=False):
    """A scene for each SNR."""
    contents, segments = zip(*(scene(voices, places, snr, random, varied) for snr in snrs), strict=True)
    return Recordings(list(contents), RATE, [f"{snr:.0f} dB" for snr in snrs], list(segments))


def main():
    """Mix, train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/fsdd"), help="folder of the digits")
    parser.add_argument("--noise", type=Path, default=Path("/usr/share/games/lincity-ng/sounds"), help="noises")
    parser.add_argument("--causal", action="store_true", help="read in one direction: only what was heard counts")
    parser.add_argument("--scenes", type=int, default=1000, help="scenes to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over them (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="write pictures of test scenes to this file")
    options = parser.parse_args()
    if not any(options.noise.glob("*.wav")):
        sys.exit(f"speech_activity.py: no .wav in {options.noise}; apt-get install lincity-ng-data, or give --noise")

    random = np.random.default_rng(0)
    (voices, new_voices), places = digits(options.data), noises(options.noise)
    names = sorted(places)
    train = scenes(
        voices,
        [places[name] for i, name in enumerate(names) if i % 4],
        random.uniform(-5, 25, options.scenes),
        random,
        varied=True,
    )
    new = new_voices, [places[name] for name in names[::4]]
    test = {snr: scenes(*new, [snr] * 40, random) for snr in SNRS}
    print(f"{len(train)} scenes to train on, noises of {len(names)} places, to test: {', '.join(names[::4])}")

    start, cpu = time.perf_counter(), time.process_time()
    model = Segmenter(epochs=options.epochs, bidirectional=not options.causal).fit(train)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"trained in {seconds:.0f} s, {cpu:.0f} s of processor time")
    print("SNR     model                 precision  recall     F1  boundary error")
    for snr, data in {**test, "all": join(test.values())}.items():
        for row in face(model).evaluate(data):
            scores = f"{row['precision']:9.3f} {row['recall']:7.3f} {row['F1']:6.3f}"
            print(f"{snr!s:>3} dB  {row['model']:20s} {scores} {1000 * row['boundary error (s)']:12.0f} ms")
    if options.report:
        from keepgate.tasks.common.report.page import write_report

        write_report(options.report, "Speech activity", face(model).report(join(test.values()), None))


def join(parts):
    """All scenes as one set."""
    return Recordings(
        [content for part in parts for content in part.contents],
        RATE,
        [name for part in parts for name in part.names],
        [segments for part in parts for segments in part.segments],
    )


if __name__ == "__main__":
    main()
