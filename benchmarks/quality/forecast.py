"""The forecast panel: keepgate's defaults and its peers at the same cut-offs.

    python -m benchmarks.quality.forecast                      # all sets, all peers
    python -m benchmarks.quality.forecast --sets co2 taxi --without-peers

Each set has its cut-offs at its end; keepgate is fitted once, to the rows before the first, by its defaults. MASE is
the mean over series of the mean absolute error over the mean absolute seasonal difference before the first cut-off
(Hyndman & Koehler 2006), sMAPE as in the M4 competition; both are of the median forecast, MSE would be of the mean.
Rows are kept in `forecast.csv`: a run replaces those of its sets and leaves the others.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.forecast_peers import Forecasts, peers
from benchmarks.quality.forecast_sets import SETS, Set
from benchmarks.quality.rows import keep, known, opened, versions
from keepgate import Forecaster

ROWS = Path(__file__).with_name("forecast.csv")
VERSIONS = ("keepgate", "torch", "statsforecast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--without-peers", action="store_true", help="keep the peers' rows as they are")
    options = parser.parse_args()
    for data in opened(SETS, options.sets):
        rows = measure(data, known_peers(data) if options.without_peers else peer_scores(data))
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer name", "peer value"]].to_string(index=False))
        keep(ROWS, rows)
    print(summary(pd.read_csv(ROWS)).to_string(index=False))


def measure(data: Set, beside: dict[tuple[str, str], float]) -> list[dict]:
    """Return the rows of a set."""
    started = time.process_time()
    forecasts = keepgate(data)
    seconds = round(time.process_time() - started)
    median = {key: f["y_hat_q50"].to_numpy() for key, f in forecasts.items()}
    own = scores(data, median)
    inside = [
        (f["y_hat_q10"].to_numpy() <= data.truth(*key)) & (data.truth(*key) <= f["y_hat_q90"].to_numpy())
        for key, f in forecasts.items()
    ]
    about = {"job": "forecast", "set": data.name, "size": f"{len(data.targets)} x {len(data.ends)}"}
    rows = [
        {"metric": metric, "keepgate": own[metric], "peer name": peer, "peer value": value}
        for (metric, peer), value in beside.items()
    ]
    rows.append({"metric": "coverage 10-90", "keepgate": np.mean(inside), "peer name": "nominal", "peer value": 0.8})
    return [{**about, **row, "seconds": seconds, "versions": versions(*VERSIONS)} for row in rows]


def keepgate(data: Set) -> dict[tuple[str, int], pd.DataFrame]:
    """Return keepgate's forecasts by its defaults."""
    options = {"known_columns": data.known} if data.known else {}
    forecaster = Forecaster(horizon=data.horizon).fit(data.train(), **options)
    forecasts = {}
    for end in data.ends:
        future = {"future": data.plan(end)} if data.known else {}
        table = forecaster.predict(data.until(end), **future)
        forecasts.update({(str(name), end): part for name, part in table.groupby("unique_id", sort=False)})
    return forecasts


def scores(data: Set, forecasts: Forecasts) -> dict[str, float]:
    """Return the mean scores of forecasts over series and cut-offs."""
    error = {key: np.abs(f - data.truth(*key)) for key, f in forecasts.items()}
    size = {key: np.abs(f) + np.abs(data.truth(*key)) for key, f in forecasts.items()}
    return {
        "MAE": float(np.mean([e.mean() for e in error.values()])),
        "MASE": float(np.mean([e.mean() / data.scale(name) for (name, _), e in error.items()])),
        "sMAPE": float(np.mean([200 * np.mean(e / np.maximum(size[key], 1e-9)) for key, e in error.items()])),
    }


def peer_scores(data: Set) -> dict[tuple[str, str], float]:
    """Return the scores of all peers by metric and peer."""
    found = {}
    for name, peer in peers(data).items():
        found.update({(metric, name): value for metric, value in scores(data, peer(data)).items()})
    return found


def known_peers(data: Set) -> dict[tuple[str, str], float]:
    """Return the scores of all peers that were measured before."""
    return {key: value for key, value in known(ROWS, data.name).items() if key[1] != "nominal"}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each set: MASE relative to the best naive forecast and the best statistical one, and the coverage."""
    found = []
    for name, part in rows.groupby("set", sort=False):
        mase = part[part["metric"] == "MASE"]
        against = {
            kind: mase[mase["peer name"].str.startswith(prefix)]["peer value"].min()
            for kind, prefix in (("best naive", "seasonal"), ("AutoETS or AutoTheta", "Auto"), ("torch LSTM", "torch"))
        }
        ratios = {f"to {kind}": mase["keepgate"].min() / value for kind, value in against.items()}
        coverage = part[part["metric"] == "coverage 10-90"]["keepgate"].min()
        found.append({"set": name, "MASE": mase["keepgate"].min(), **ratios, "coverage": coverage})
    table = pd.DataFrame(found)
    return pd.concat([table, table.mean(numeric_only=True).to_frame().T.assign(set="mean")]).round(3)


if __name__ == "__main__":
    main()
