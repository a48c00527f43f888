"""Spoken digits: strings of one to five, joined with random gaps in light noise, transcribed by CTC; label error rate.

    python examples/spoken_digits.py
    python examples/spoken_digits.py --speaker theo  # a voice that was never heard in training

The recordings are the Free Spoken Digit Dataset's: 8 kHz, digits 0 to 9, a few speakers, 50 takes each. Takes 0 to 4
of every digit and speaker are held out; with --speaker, all of that speaker's. A string is said by one speaker.
"""

import argparse
import re
import time
from pathlib import Path

import jiwer
import numpy as np

from keepgate import Transcriber
from keepgate.data.audio.files import read_audio

RATE = 8000


def recordings(folder):
    """Samples of each recording, by (digit, speaker, take)."""
    found = {}
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, take = re.fullmatch(r"(\d)_(\w+)_(\d+)", path.stem).groups()
        found[digit, speaker, int(take)] = read_audio(path, RATE)[0]
    return found


def strings(sounds, count, random):
    """`count` recordings of digits that one speaker says one after the other, and their texts."""
    by_speaker = {}
    for key in sounds:
        by_speaker.setdefault(key[1], []).append(key)
    X, y = [], []
    for _ in range(count):
        keys = by_speaker[random.choice(list(by_speaker))]
        said = [keys[k] for k in random.integers(len(keys), size=random.integers(1, 6))]
        pieces = [gap(random)]
        for key in said:
            pieces += [sounds[key], gap(random)]
        samples = np.concatenate(pieces)
        noise = 10 ** random.uniform(-4, -2.3)
        X.append((samples + noise * random.normal(size=len(samples))).astype(np.float32))
        y.append("".join(digit for digit, _, _ in said))
    return X, y


def gap(random):
    """Silence of 0.05 to 0.4 seconds."""
    return np.zeros(int(RATE * random.uniform(0.05, 0.4)))


def main():
    """Train, transcribe, print the error rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/fsdd"), help="folder of the recordings")
    parser.add_argument("--speaker", help="leave this speaker out of the training, and test on no other")
    parser.add_argument("--strings", type=int, default=8000, help="strings to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=15, help="passes over them (default: %(default)s)")
    parser.add_argument("--augment", type=float, help="how much to disturb them (default: 0.3; with --speaker 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the strings and the model (default: %(default)s)")
    options = parser.parse_args()
    sounds = recordings(options.data)
    speakers = sorted({speaker for _, speaker, _ in sounds})
    if options.speaker not in (None, *speakers):
        parser.error(f"no recording is by {options.speaker!r}; speakers are {', '.join(speakers)}")

    held_out = {key for key in sounds if (key[1] == options.speaker if options.speaker else key[2] < 5)}
    parts = [{key: sounds[key] for key in sounds if (key in held_out) is held} for held in (False, True)]
    train = strings(parts[0], options.strings, np.random.default_rng(options.seed))
    test = strings(parts[1], 1000, np.random.default_rng(options.seed + 1))
    known, new = map(len, parts)
    print(f"{options.strings} strings of {known} recordings to train on, 1000 of {new} others to test on")

    augment = options.augment if options.augment is not None else 1.0 if options.speaker else 0.3
    start, cpu = time.perf_counter(), time.process_time()
    model = Transcriber(
        num_layers=2, hidden_size=96, stack=4, batch_size=16, learning_rate=3e-3, dropout=0.2, augment=augment,
        epochs=options.epochs, hold_out=0, seed=options.seed,
    )  # fmt: skip
    model.fit(*train, rate=RATE)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"trained in {seconds:.0f} s, {cpu:.0f} s of processor time")
    print(f"label error rate: {100 * jiwer.cer(test[1], model.predict(test[0], RATE)):.2f} %")


if __name__ == "__main__":
    main()
