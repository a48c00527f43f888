"""German captions in English: Multi30k, official split, BLEU of the 2016 test part in lower case.

    python examples/multi30k.py FOLDER

FOLDER holds train, val and test_2016_flickr, each as .de.gz and .en.gz (Elliott, Frank, Sima'an & Specia 2016).
"""

import argparse
import gzip
import time
from pathlib import Path

from keepgate import Translator
from keepgate.data.text.pairs import Pairs
from keepgate.tasks import face
from keepgate.tasks.translate.scores import signatures

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path, metavar="FOLDER")
parser.add_argument("--run", type=Path, help="keep the training here, resume it, and save the model (default: do not)")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()


def read(part):
    """Captions of one part in German and in English."""
    return tuple(
        gzip.open(options.folder / f"{part}.{language}.gz", "rt", encoding="utf-8").read().splitlines()
        for language in ("de", "en")
    )


train, valid, test = read("train"), read("val"), read("test_2016_flickr")
print(
    f"{len(train[0])} pairs to train on, {len(valid[0])} to choose the epoch by, {len(test[0])} to test on", flush=True
)
translator = Translator(lowercase=True, seed=options.seed)
start = time.process_time()
translator.fit(*train, valid=valid, run=options.run)
print(f"trained in {time.process_time() - start:.0f} s of one core", flush=True)
if options.run:
    translator.save(options.run)
for row in face(translator).evaluate(Pairs(*test)):
    print(f"{row['model']}: BLEU {row['BLEU']:.2f}, chrF {row['chrF']:.2f}")
for name, signature in signatures(translator.lowercase).items():
    print(f"{name}: {signature}")
