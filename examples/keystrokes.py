"""Keystrokes saved by word suggestions: the last tenth of a report, after the rest of it and two other books.

    python examples/keystrokes.py --data FOLDER --out RUN

FOLDER holds lcet10.txt (the report), alice29.txt and tiny_shakespeare.txt. How keystrokes are counted is said in
`keepgate.tasks.suggest.keyboard.type_with`.
"""

import argparse
import tempfile
import time
from pathlib import Path

from keepgate import Suggester
from keepgate.tasks import face
from keepgate.tasks.write.text import split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, metavar="FOLDER", default=Path("../shared/data/text"))
parser.add_argument("--out", type=Path, metavar="RUN", help="keep the model in this folder")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

others = [(options.data / name).read_text() for name in ("tiny_shakespeare.txt", "alice29.txt")]
train, held_out = split((options.data / "lcet10.txt").read_text(), None, "characters")
start = time.process_time()
suggester = Suggester(seed=options.seed, threads=1).fit([*others, train])
print(f"trained in {time.process_time() - start:.0f} s of processor time")
with tempfile.TemporaryDirectory() as folder:
    suggester.save(options.out or folder)
    files = [path for path in Path(options.out or folder).rglob("*") if path.suffix in (".json", ".safetensors")]
    print(f"model files: {sum(path.stat().st_size for path in files) / 1e6:.2f} MB")
print("weights of network, n-grams and recent words:", " ".join(f"{weight:.3f}" for weight in suggester.weights_))
for row in face(suggester).evaluate(held_out):
    times = f"a keystroke takes {row['median ms']:.2f} ms, 95 % within {row['95 % within ms']:.2f} ms"
    print(f"{row['model']}: {row['keystrokes']:,} keystrokes for {row['characters']:,} characters,"
          f" {100 * row['keystrokes saved']:.1f} % saved; {times}")  # fmt: skip
