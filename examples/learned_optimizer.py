"""An LSTM that learns to optimise, beside momentum and Adam at their best rates.

    python examples/learned_optimizer.py quadratics
    python examples/learned_optimizer.py digits --picture digits.png

Quadratics: 10 variables, as in Andrychowicz et al. 2016. Digits: a network of one sigmoid layer on scikit-learn's
digits; the optimiser is trained on networks of 8 units, and compared on some of 20 units too, which it has not seen,
and over twice as many steps. The rate of a rival is chosen on other problems of the same kind, of 19 that lie a quarter
of a decade apart. Values are those of the minibatch at hand, means over 100 problems (digits: 20).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from keepgate.meta import Problem, UpdateRule, race
from keepgate.meta.figures import curve_figure
from keepgate.meta.problems import classification, quadratics

AT = (0, 5, 10, 20, 50, 100, 200)


def digits(hidden: int, steps: int) -> Problem:
    """Return the training of networks of so many units on the first 1,500 digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return classification(data.data[:1500] / 16, data.target[:1500], hidden=hidden, steps=steps)


def main() -> int:
    """Train, race and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("quadratics", "digits"), help="of problems")
    parser.add_argument("--epochs", type=int, help="of the training (default: 20, of digits 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default: 0)")
    parser.add_argument("--out", type=Path, help="folder of the run, which goes on if it was interrupted")
    parser.add_argument("--picture", type=Path, help="draw the last comparison here")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    small = chosen.kind == "quadratics"
    problem = quadratics() if small else digits(8, 100)
    options = {} if small else {"problems": 40, "batch_size": 2}
    rule = UpdateRule(epochs=chosen.epochs or (20 if small else 10), seed=chosen.seed, learning_rate=1e-2, **options)
    started = time.process_time()
    rule.fit(problem, run=chosen.out)
    print(f"trained in {time.process_time() - started:.0f} s of processor time")
    others = [(problem, 100)] if small else [(problem, 100), (digits(20, 200), 200)]
    for other, steps in others:
        means = race(rule, other, count=100 if small else 20, steps=steps)
        print(f"{other.name}:")
        for name, values in means.items():
            shown = ", ".join(f"step {t} {values[t]:.3g}" for t in AT if t <= steps)
            print(f"  {name}: mean {values.mean():.3g}; {shown}")
    if chosen.picture:
        curve_figure(means, "value", logarithmic=True, along="steps").savefig(chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
