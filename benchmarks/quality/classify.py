"""The classification panel: keepgate's defaults beside its peers.

    python -m benchmarks.quality.classify                      # all sets, all peers
    python -m benchmarks.quality.classify --sets vowels mnist --without-peers
    python -m benchmarks.quality.classify --earlier            # a fifth of each training part in the test part's place

Accuracy is that of a model which learned all of the training part. Confidence is measured on a second model, of which
a fifth of the training part was held out to calibrate it: the expected calibration error over 15 bins, and the chance
that a right answer has more confidence than a wrong one. Defaults were chosen by `--earlier` and by cross-validation
of training parts alone; the test parts gave the rows of `classify.csv` and nothing else. A run replaces the rows of
its sets and leaves the others.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.classify_peers import AEON, PEERS
from benchmarks.quality.classify_sets import SETS, Set
from benchmarks.quality.rows import Scores, keep, known, versions
from keepgate import SequenceClassifier
from keepgate.tasks.common.calibration import confidence_scores

ROWS = Path(__file__).with_name("classify.csv")
ASKED = {"ECE": 0.05, "AUC right/wrong": 0.8}  # at most; at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--without-peers", action="store_true", help="keep the peers' rows as they are")
    parser.add_argument("--earlier", action="store_true", help="leave the test parts alone, and keep no rows")
    options = parser.parse_args()
    for name in options.sets:
        try:
            data = SETS[name]()
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}")
            continue
        data = data.earlier() if options.earlier else data
        beside = known(ROWS, data.name) if options.without_peers else peer_scores(data)
        rows = measure(data, {key: value for key, value in beside.items() if key[0] == "accuracy"})
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer name", "peer value"]].to_string(index=False))
        if not options.earlier:
            keep(ROWS, rows)
    if not options.earlier:
        print(summary(pd.read_csv(ROWS)).to_string(index=False))


def measure(data: Set, beside: Scores) -> list[dict]:
    """Return the rows of a set."""
    started = time.process_time()
    accuracy = float(np.mean(SequenceClassifier().fit(*data.train).predict(data.test[0]) == data.test[1]))
    seconds = round(time.process_time() - started)
    rows = [
        {"metric": metric, "keepgate": accuracy, "peer name": peer, "peer value": value}
        for (metric, peer), value in beside.items()
    ]
    rows += [
        {"metric": metric, "keepgate": value, "peer name": "asked", "peer value": ASKED[metric]}
        for metric, value in confidence(data).items()
    ]
    about = {"job": "classify", "set": data.name, "size": data.size, "seconds": seconds}
    return [{**about, **row, "versions": f"{versions('keepgate', 'torch')} {AEON.replace('==', ' ')}"} for row in rows]


def confidence(data: Set) -> dict[str, float]:
    """Return how well the confidence of a calibrated model fits what is right."""
    inner = data.earlier()
    model = SequenceClassifier().fit(*inner.train, valid=inner.test)
    chances = model.predict_proba(data.test[0])
    return confidence_scores(chances.max(axis=1), model.classes_[chances.argmax(axis=1)] == data.test[1])


def peer_scores(data: Set) -> Scores:
    """Return the accuracy of each peer."""
    return {("accuracy", name): float(np.mean(peer(data) == data.test[1])) for name, peer in PEERS.items()}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each set: accuracy, and what it is of the peers'; how well confidence fits; means and worst."""
    found = []
    for name, part in rows.groupby("set", sort=False):
        of = part[part["metric"] == "accuracy"].set_index("peer name")
        ratios = {f"of {peer}": row["keepgate"] / row["peer value"] for peer, row in of.iterrows()}
        sure = part.set_index("metric")["keepgate"]
        scores = {"accuracy": of["keepgate"].iloc[0], **ratios, **{metric: sure.get(metric) for metric in ASKED}}
        found.append({"set": name, **scores, "seconds": part["seconds"].iloc[0]})
    table = pd.DataFrame(found)
    mean, least = table.mean(numeric_only=True), table.min(numeric_only=True)
    return pd.concat([table, mean.to_frame().T.assign(set="mean"), least.to_frame().T.assign(set="least")]).round(3)


if __name__ == "__main__":
    main()
