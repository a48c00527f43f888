"""The long-horizon benchmark ETTh1, by default: `python examples/etth1.py [ETTh1.csv]`.

The hourly record of a transformer (https://github.com/zhouhaoyi/ETDataset, ETT-small/ETTh1.csv): its 7 channels are 7
series, the first 12 months of 30 days train, 4 choose the epoch, 4 test; each channel is standardized by the first 12
months. Scored are all windows whose horizon lies in the test months. The default reads three weeks; from 96 hours of
input the literature has for horizon 96: SegRNN 0.368, iTransformer 0.386, PatchTST 0.414 (MSE).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from keepgate import Forecaster
from keepgate.tasks import face

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "ett" / "ETTh1.csv"
MONTH = 30 * 24
WINDOW = 21 * 24  # hours that a forecast is made from by default


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=BESIDE, help="ETTh1.csv")
    parser.add_argument("--horizons", type=int, nargs="+", default=[96, 24])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for horizon in arguments.horizons:
        seconds, processor, rows = measure(arguments.path, horizon, arguments.seed)
        print(f"\nhorizon {horizon}: trained in {seconds:.0f} seconds ({processor:.0f} of processor time)")
        print(pd.DataFrame(rows).round(3).to_string(index=False))


def measure(path: Path, horizon: int, seed: int = 0) -> tuple[float, float, list[dict]]:
    """Training time (by the clock, of the processor) and the scores of the model and the baselines."""
    train, valid, test = splits(path)
    clock, processor = time.perf_counter(), time.process_time()
    forecaster = Forecaster(horizon=horizon, seed=seed).fit(train, valid=valid)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return clock, processor, face(forecaster).evaluate(test)


def splits(path: Path) -> list[pd.DataFrame]:
    """Training, held-out and test months as long tables, the latter two with the window before them."""
    wide = pd.read_csv(path, parse_dates=["date"], index_col="date")
    first = wide[: 12 * MONTH]
    wide = (wide - first.mean()) / first.std(ddof=0)
    bounds = ((0, 12 * MONTH), (12 * MONTH - WINDOW, 16 * MONTH), (16 * MONTH - WINDOW, 20 * MONTH))
    return [wide[a:b].reset_index(names="ds").melt("ds", var_name="unique_id", value_name="y") for a, b in bounds]


if __name__ == "__main__":
    main()
