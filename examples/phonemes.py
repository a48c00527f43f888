"""Phonemes of synthetic speech: sentences of a book read by many voices of espeak-ng; phoneme error rate of new voices.

    python examples/phonemes.py

espeak-ng (https://github.com/espeak-ng/espeak-ng, in Debian: apt-get install espeak-ng) speaks the sentences of a text
at various speeds and pitches, and says which phonemes it spoke. Voices and sentences of the test were never heard in
training.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keepgate import Transcriber
from keepgate.data.audio.files import read_audio
from keepgate.data.recordings.manifest import Utterances
from keepgate.tasks import face

RATE = 16000
TEST_VOICES = ("Annie", "Michael", "adam", "caleb", "f3", "f5", "grandpa", "linda", "m2", "m7", "norbert", "zac")
TRAIN_VOICES = (
    "Alex", "Alicia", "Andrea", "Andy", "Denis", "Diogo", "Gene", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Mike",
    "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "david", "ed", "edward", "f1", "f2", "f4", "grandma",
    "gustave", "iven", "john", "kaukovalta", "m1", "m3", "m4", "m5", "m6", "m8", "max", "michel", "miguel", "pablo",
    "paul", "pedro", "quincy", "rob", "sandro", "shelby", "steph", "travis", "victor",
)  # fmt: skip


def phrases(path):
    """Different pieces of three to ten words of a text, between its stops."""
    text = re.sub(r"\s+", " ", path.read_text(encoding="latin-1"))
    found = (re.sub(r"[^A-Za-z' -]", "", piece).strip(" '-") for piece in re.split(r"[.,;:!?()`\"]|--", text))
    return sorted({piece for piece in found if 3 <= len(piece.split()) <= 10})


def speak(text, voice, random, folder):
    """Samples of a spoken text, and its phonemes apart by spaces, without stress."""
    path = Path(folder) / "spoken.wav"
    pitch, words_per_minute = random.integers(30, 71), random.integers(130, 201)
    settings = ["-v", f"en-us+{voice}", "-p", str(pitch), "-s", str(words_per_minute), "-w", str(path)]
    spoken = subprocess.run(["espeak-ng", *settings, "--ipa", "--sep= ", text], capture_output=True, check=True)
    phonemes = re.sub(r"[ˈˌ]|\([^)]*\)", "", spoken.stdout.decode()).split()
    return read_audio(path, RATE)[0], " ".join(phonemes)


def utterances(texts, voices, random):
    """Each text by one of the voices in turn."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [speak(text, voices[i % len(voices)], random, folder) for i, text in enumerate(texts)]
    contents, phonemes = zip(*pairs, strict=True)
    return Utterances("audio", list(contents), RATE, list(phonemes), list(texts))


def main():
    """Speak, train, transcribe, print the error rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=Path("../shared/data/text/alice29.txt"), help="an English text")
    parser.add_argument("--epochs", type=int, default=15, help="passes over the training data (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the phrases and of the model")
    options = parser.parse_args()
    if shutil.which("espeak-ng") is None:
        sys.exit("phonemes.py: espeak-ng is not installed; in Debian and Ubuntu: apt-get install espeak-ng")

    random = np.random.default_rng(options.seed)
    texts = random.permutation(phrases(options.text)).tolist()
    test = utterances(texts[:240], TEST_VOICES, random)
    train = utterances(texts[240:2640], TRAIN_VOICES, random)
    hours = sum(map(len, train.contents)) / RATE / 3600
    print(
        f"{len(train)} phrases ({hours:.1f} h) in {len(TRAIN_VOICES)} voices, {len(test)} others in {len(TEST_VOICES)}"
    )

    start, cpu = time.perf_counter(), time.process_time()
    model = Transcriber(
        symbols="words", num_layers=2, stack=3, batch_size=16, learning_rate=3e-3, augment=0.5, dropout=0.3,
        epochs=options.epochs, hold_out=0, seed=options.seed,
    )  # fmt: skip
    model.fit(train)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    own, baseline = (100 * row["word error rate"] for row in face(model).evaluate(test))
    print(f"{len(model.symbols_)} phonemes; trained in {seconds:.0f} s, {cpu:.0f} s of processor time")
    print(f"phoneme error rate of new voices: {own:.2f} % (the commonest phrase for all: {baseline:.0f} %)")


if __name__ == "__main__":
    main()
