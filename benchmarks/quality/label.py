"""The labelling panel: keepgate's defaults beside its peers.

    python -m benchmarks.quality.label                    # all sets, all peers
    python -m benchmarks.quality.label --sets terms names --without-peers
    python -m benchmarks.quality.label --earlier          # a fifth of the training part in the test part's place
    python -m benchmarks.quality.label --earlier --without-peers --sets parts --trial num_layers=2

Confidence is that of each tag: the expected calibration error over 15 bins, and the chance that a right tag has more
confidence than a wrong one; it is calibrated on what the fit holds out by itself, so sets of less than 100 sentences
have none. Where a set has text without tags, keepgate learns from it first. Defaults were chosen on parts of the
training data and on the treebank's development part; the test parts gave the rows of `label.csv` and nothing else. A
run replaces the rows of its sets and leaves the others.
"""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.label_peers import PEERS, Tags
from benchmarks.quality.label_sets import SETS, Set
from benchmarks.quality.rows import Scores, keep, known, opened, summary, versions
from keepgate import Tagger
from keepgate.tasks.common.calibration import confidence_scores
from keepgate.tasks.tag.scores import span_scores, token_scores

ROWS = Path(__file__).with_name("label.csv")
ASKED = {"ECE": 0.05, "AUC right/wrong": 0.8}  # at most; at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--without-peers", action="store_true", help="keep the peers' rows as they are")
    parser.add_argument("--earlier", action="store_true", help="leave the test parts alone, and keep no rows")
    parser.add_argument(
        "--trial", nargs="+", default=[], metavar="NAME=VALUE", help="parameters in place of defaults; with --earlier"
    )
    options = parser.parse_args()
    if options.trial and not options.earlier:
        parser.error("--trial is a choice of defaults, which is made with --earlier")
    trial = {name: ast.literal_eval(value) for name, _, value in (pair.partition("=") for pair in options.trial)}
    for data in opened(SETS, options.sets):
        data = data.earlier() if options.earlier else data
        beside = known(ROWS, data.name) if options.without_peers else peer_scores(data)
        rows = measure(data, {key: value for key, value in beside.items() if key[1] in PEERS}, trial)
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer name", "peer value"]].to_string(index=False))
        if not options.earlier:
            keep(ROWS, rows)
    if not options.earlier:
        print(summary(pd.read_csv(ROWS), ASKED).to_string(index=False))


def measure(data: Set, beside: Scores, trial: Mapping[str, Any]) -> list[dict]:
    """Return the rows of a set; `trial`: parameters in place of defaults."""
    started, text = time.process_time(), data.text()
    found, sure, right = [], [], []
    for number, fold in enumerate(data.folds):
        tagger = Tagger(**{"progress": False, "unlabelled": text and str(text), **trial}).fit(fold.train)
        results = tagger.read_off(fold.test.tokens)
        tags = [[tagger.tags_[k] for k in best] for best, _ in results]
        chances = [np.take_along_axis(p, best[:, None], 1)[:, 0].tolist() for best, p in results]
        found.append(tags)
        truth, scored, confidence = (data.scored(number, rows) for rows in (fold.test.tags or (), tags, chances))
        if tagger.temperature_ is not None:
            sure += [p for row in confidence for p in row]
            right += [a == b for rows in zip(truth, scored, strict=True) for a, b in zip(*rows, strict=True)]
    own, seconds = score(data, found), round(time.process_time() - started)
    rows = [
        {"metric": data.metric, "keepgate": own, "peer name": peer, "peer value": value}
        for (_, peer), value in beside.items()
    ]
    if data.asked is not None:
        rows.append({"metric": data.metric, "keepgate": own, "peer name": "asked", "peer value": data.asked})
    if sure:
        rows += [
            {"metric": metric, "keepgate": value, "peer name": "asked", "peer value": ASKED[metric]}
            for metric, value in confidence_scores(np.array(sure), np.array(right)).items()
        ]
    about = {"job": "label", "set": data.name, "size": f"{sum(map(len, data.folds[0].train.tokens))} tokens"}
    used = versions("keepgate", "torch", "sklearn-crfsuite")
    return [{**about, **row, "seconds": seconds, "versions": used} for row in rows]


def score(data: Set, found: Sequence[Tags]) -> float:
    """Return the set's metric over the test parts of all folds."""
    truth, guess = [], []
    for number, (fold, tags) in enumerate(zip(data.folds, found, strict=True)):
        truth += data.scored(number, fold.test.tags or ())
        guess += data.scored(number, tags)
    return (span_scores if data.metric == "span F1" else token_scores)(truth, guess)[""]["F1"]


def peer_scores(data: Set) -> Scores:
    """Return the score of each peer that the set has time for."""
    return {
        (data.metric, name): score(data, [peer(fold.train, fold.test.tokens) for fold in data.folds])
        for name, peer in PEERS.items()
        if name in data.peers
    }


if __name__ == "__main__":
    main()
