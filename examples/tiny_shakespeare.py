"""Characters of Shakespeare: nats a character on the last tenth, held out, with the state carried through all of it.

    python examples/tiny_shakespeare.py --data FOLDER --out RUN

FOLDER holds tiny_shakespeare.txt. Training is on one thread; its processor time is printed, that of the report's
scores is beside it.
"""

import argparse
import time
from pathlib import Path

from keepgate import LanguageModel
from keepgate.tasks import face
from keepgate.tasks.write.text import split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, metavar="FOLDER", default=Path("../shared/data/text"))
parser.add_argument("--out", type=Path, metavar="RUN", help="keep the run and the model in this folder")
parser.add_argument("--epochs", type=int, help="passes over the text (default: 8, as the model chooses by itself)")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

train, held_out = split((options.data / "tiny_shakespeare.txt").read_text(), None, "characters")
print(f"{len(train):,} characters to train on, {len(held_out):,} held out")
start = time.process_time()
model = LanguageModel(epochs=options.epochs, seed=options.seed, threads=1).fit(train, valid=held_out, run=options.out)
weights = sum(parameter.numel() for parameter in model.network_.parameters())
print(f"{weights:,} weights, trained in {time.process_time() - start:.0f} s of processor time")
if options.out is not None:
    model.save(options.out)
for row in face(model).evaluate(held_out):
    print(f"{row['model']}: {row['nats per character']:.4f} nats, {row['bits per character']:.4f} bits a character")
print("".join(model.write("\n", 400, temperature=0.7, seed=options.seed)))
