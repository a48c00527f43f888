"""Parts of speech of English web texts: UD English EWT, official split, accuracy on the test part.

    python examples/ewt_tags.py FOLDER

FOLDER holds en_ewt-ud-train.conllu, -dev and -test (each may be gzipped), as universaldependencies.org gives them.
"""

import argparse
import time
from pathlib import Path

from keepgate import Tagger
from keepgate.tasks import face, face_class

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path, metavar="FOLDER")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--crf", action=argparse.BooleanOptionalAction, default=Tagger.crf)
options = parser.parse_args()


def read(part):
    """One part of the treebank."""
    return face_class("tag").read(next(options.folder.glob(f"en_ewt-ud-{part}.conllu*")))


train, dev, test = read("train"), read("dev"), read("test")
print(f"{len(train)} sentences to train on, {len(dev)} to choose the epoch by, {len(test)} to test on")
start = time.process_time()
tagger = Tagger(seed=options.seed, crf=options.crf).fit(train, valid=dev)
print(f"trained in {time.process_time() - start:.0f} s of one core")
for row in face(tagger).evaluate(test):
    print(f"{row['model']}: accuracy {row['accuracy']:.4f}")
