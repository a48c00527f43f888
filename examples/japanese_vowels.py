"""Speakers told apart by how they say /ae/: JapaneseVowels, official split, mean accuracy of three seeds.

    python examples/japanese_vowels.py FOLDER

FOLDER holds JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts, as timeseriesclassification.com gives them.
"""

import argparse
import statistics
import time
from pathlib import Path

from keepgate import SequenceClassifier
from keepgate.tasks import face, face_class

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path, metavar="FOLDER")
folder = parser.parse_args().folder

train, test = (face_class("classify").read(folder / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
print(f"{len(train.values)} utterances of 9 speakers to train on, {len(test.values)} to test on")
accuracies = []
for seed in range(3):
    start = time.perf_counter()
    classifier = SequenceClassifier(seed=seed).fit(train)
    seconds = time.perf_counter() - start
    own, baseline = face(classifier).evaluate(test)
    accuracies.append(own["accuracy"])
    print(f"seed {seed}: accuracy {own['accuracy']:.4f}, trained in {seconds:.1f} s")
print(f"mean accuracy {statistics.mean(accuracies):.4f}; majority class {baseline['accuracy']:.4f}")
