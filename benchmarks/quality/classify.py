"""The classification panel: keepgate's defaults beside its peers.

    python -m benchmarks.quality.classify                      # all sets, all peers
    python -m benchmarks.quality.classify --sets vowels mnist --peers ROCKET      # rows of the others stay
    python -m benchmarks.quality.classify --earlier            # a fifth of each training part in the test part's place

All is by defaults: of 100 training sequences or more a part is held out, which calibrates the probabilities; of fewer
none is, and the metric says so. Confidence is measured by the expected calibration error over 15 bins (ECE) and by the
chance that a right answer has more of it than a wrong one. Defaults were chosen by `--earlier` and by cross-validation
of training parts alone; the test parts gave the rows of `classify.csv` and nothing else. A run replaces the rows of its
sets and leaves the others.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.classify_peers import AEON, PEERS
from benchmarks.quality.classify_sets import SETS, Set
from benchmarks.quality.rows import keep, known, opened, summary, versions
from keepgate import SequenceClassifier
from keepgate.tasks.common.calibration import confidence_scores

ROWS = Path(__file__).with_name("classify.csv")
ASKED = {"ECE": 0.05, "AUC right/wrong": 0.8}  # at most; at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="which to measure (all)")
    parser.add_argument("--earlier", action="store_true", help="leave the test parts alone, and keep no rows")
    options = parser.parse_args()
    for data in opened(SETS, options.sets):
        data = data.earlier() if options.earlier else data
        beside = {} if options.earlier else accuracies(data.name)
        beside |= {peer: float(np.mean(PEERS[peer](data) == data.test[1])) for peer in options.peers}
        rows = measure(data, beside)
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer name", "peer value"]].to_string(index=False))
        if not options.earlier:
            keep(ROWS, rows)
    if not options.earlier:
        print(summary(pd.read_csv(ROWS), ASKED).to_string(index=False))


def accuracies(name: str) -> dict[str, float]:
    """Return what the peers reached on a set when they were measured before."""
    return {peer: value for (metric, peer), value in known(ROWS, name).items() if metric == "accuracy"}


def measure(data: Set, beside: dict[str, float]) -> list[dict]:
    """Return the rows of a set.

    Args:
        data: the set.
        beside: the accuracy of each peer.
    """
    started = time.process_time()
    model = SequenceClassifier().fit(*data.train)
    chances = model.predict_proba(data.test[0])
    seconds = round(time.process_time() - started)
    right = model.classes_[chances.argmax(axis=1)] == data.test[1]
    rows = [
        {"metric": "accuracy", "keepgate": float(right.mean()), "peer name": peer, "peer value": value}
        for peer, value in beside.items()
    ]
    rows += [
        {
            "metric": metric + (", not calibrated" if model.temperature_ is None else ""),
            **{"keepgate": value, "peer name": "asked", "peer value": ASKED[metric]},
        }
        for metric, value in confidence_scores(chances.max(axis=1), right).items()
    ]
    about = {"job": "classify", "set": data.name, "size": data.size, "seconds": seconds}
    return [{**about, **row, "versions": f"{versions('keepgate', 'torch')} {AEON.replace('==', ' ')}"} for row in rows]


if __name__ == "__main__":
    main()
