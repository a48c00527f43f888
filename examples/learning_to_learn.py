"""Learn to learn the functions of a family, and compare with learning each anew.

    python examples/learning_to_learn.py --family quadratic --minutes 4 --seeds 5
    python examples/learning_to_learn.py --family sine --report sine.html

The figure is the squared error of the next example after so many, over the variance of all targets (for Boolean
functions the share of wrong answers), over 5,000 functions that were not drawn in training. `--minutes` are of
processor time, one thread: where others use the machine too, a training takes longer and learns the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from keepgate.meta import FAMILIES, MetaLearner

AT = (5, 10, 20, 29, 30)
UPDATES = 500  # that the speed of this machine is taken from


def updates_of(minutes: float, family: str) -> int:
    """Return the updates that so many minutes of processor time have, by the time of some."""
    started = time.process_time()
    MetaLearner(epochs=1, functions=64 * UPDATES, progress=False).fit(family)
    return int(60 * minutes / (time.process_time() - started) * UPDATES)


def main() -> int:
    """Train for each seed, and print errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, default="quadratic", help="of functions (default: quadratic)")
    parser.add_argument("--minutes", type=float, help="of processor time for each training (default: 60 epochs)")
    parser.add_argument("--seeds", type=int, default=1, help="trainings (default: 1)")
    parser.add_argument("--report", type=Path, help="write the last one's report here")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    epochs = 60
    if chosen.minutes is not None:
        epochs = max(1, updates_of(chosen.minutes, chosen.family) // 200)
    rows = []
    for seed in range(chosen.seeds):
        started = time.process_time()
        model = MetaLearner(seed=seed, epochs=epochs).fit(chosen.family)
        seconds = time.process_time() - started
        curve = model.curve(functions=5_000)
        rows.append(np.array([curve.errors[model.cell_name()][t] for t in AT]))
        print(f"seed {seed}: {seconds:.0f} s of processor time;", say(rows[-1]), flush=True)
    for name, error in list(curve.errors.items())[1:]:
        print(f"{name}:", say(error[list(AT)]))
    print("median:", say(np.median(rows, 0)), "\nworst:", say(np.max(rows, 0)))
    if chosen.report:
        model.report(chosen.report)
    return 0


def say(errors: np.ndarray) -> str:
    """Return errors in words."""
    return ", ".join(f"after {t} examples {100 * error:.2f} %" for t, error in zip(AT, errors, strict=True))


if __name__ == "__main__":
    sys.exit(main())
