"""Sums of sines and the Mackey-Glass series, continued as in the paper on Evolino (Schmidhuber et al. 2007).

    python examples/evolino.py sines 5 --epochs 60 --seeds 10
    python examples/evolino.py glass --spread 0.1 --input-spread 0.02 --minutes 5

Sines: rows 0 to 399 are learned, 100 of them set the state; the score is the squared error of 300 rows of free run,
over the variance. Mackey-Glass with a delay of 17: rows 0 to 2,999 are learned; the score is the error 84 steps ahead,
over 50 starts in rows that were not learned, over the deviation.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

from keepgate import Evolino

SPEEDS = (0.2, 0.311, 0.42, 0.51, 0.74)
CELLS = {1: 10, 2: 10, 3: 15, 4: 20, 5: 20}
AHEAD = 84


def sines(count: int) -> pd.DataFrame:
    """700 rows of a sum of sines."""
    t = np.arange(700)
    return pd.DataFrame({"ds": t, "y": sum(np.sin(speed * t) for speed in SPEEDS[:count])})


def mackey_glass(rows: int, delay: float = 17.0, parts: int = 10) -> np.ndarray:
    """Return the series in steps of 1: dx/dt = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x, from x = 1.2.

    It is integrated by Runge and Kutta's fourth order in steps of 0.1, values between being interpolated.
    """
    back, h = round(delay * parts), 1 / parts
    x = np.full(back + 1 + (rows + 1000) * parts, 1.2)

    def slope(now: float, then: float) -> float:
        return 0.2 * then / (1 + then**10) - 0.1 * now

    for n in range(back, len(x) - 1):
        then, after = x[n - back], x[n - back + 1]
        half = (then + after) / 2
        k1 = slope(x[n], then)
        k2 = slope(x[n] + h / 2 * k1, half)
        k3 = slope(x[n] + h / 2 * k2, half)
        k4 = slope(x[n] + h * k3, after)
        x[n + 1] = x[n] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x[back + 1000 * parts :: parts][:rows]


def errors_ahead(model: Evolino, series: np.ndarray, starts: np.ndarray) -> float:
    """Return the root of the mean squared error `AHEAD` steps after the starts, over the deviation of the series."""
    wrong = []
    for start in starts:
        seen = pd.DataFrame({"ds": np.arange(1000), "y": series[start - 1000 : start]})
        wrong.append(model.predict(seen)["y_hat"].to_numpy()[AHEAD - 1] - series[start + AHEAD - 1])
    return float(np.sqrt(np.square(wrong).mean()) / series.std())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("sines", "glass"))
    parser.add_argument("count", type=int, nargs="?", default=3, help="of sines, 1 to 5")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--epochs", type=int, default=100_000, help="generations at most")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--search", default="snes")
    parser.add_argument("--spread", type=float, default=0.5)
    parser.add_argument("--input-spread", type=float, default=None)
    options = parser.parse_args()
    common = {name: getattr(options, name) for name in ("minutes", "epochs", "search", "spread", "input_spread")}
    found = []
    for seed in range(options.seeds):
        began = time.process_time()
        if options.task == "sines":
            table = sines(options.count)
            model = Evolino(horizon=300, hidden_size=CELLS[options.count], seed=seed, progress=False, **common)
            score = -model.fit(table).score(table)
        else:
            series = mackey_glass(8000)
            shape = {"horizon": AHEAD, "free_run": AHEAD, "starts": 20, "hidden_size": 30}
            model = Evolino(**shape, seed=seed, progress=False, **common)
            table = pd.DataFrame({"ds": np.arange(3000), "y": series[:3000]})
            model.fit(table, valid=table)
            score = errors_ahead(model, series, np.linspace(4000, 7900, 50).astype(int))
        found.append(score)
        seconds = time.process_time() - began
        print(f"seed {seed}: {score:.2e} after {len(model.history_)} generations, {seconds:.0f} s", flush=True)
    name = f"{options.count} sines, NMSE" if options.task == "sines" else "Mackey-Glass 17, NRMSE at 84 steps"
    print(f"{name}: median {np.median(found):.2e}, worst {max(found):.2e}", file=sys.stdout)


if __name__ == "__main__":
    main()
