"""The panel of texts to classes: keepgate's defaults beside TF-IDF with logistic regression.

    python -m benchmarks.quality.texts                            # all sets, whole
    python -m benchmarks.quality.texts --sets genres --earlier    # the validation part in the test part's place
    python -m benchmarks.quality.texts --count 5000 --earlier     # and of the training part 5,000 texts

All is by defaults but for the units: characters where a text is a chain of letters; what is held out of the training
part are whole groups, where there are some: pages, conversations. The peer is scikit-learn's: words
and pairs of them, or 1 to 4 characters, weighted by TF-IDF, and logistic regression. A run replaces the rows of its
sets in `texts.csv` and leaves the others; with `--earlier` or `--count` none are kept.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from benchmarks.quality.rows import keep, opened, summary, versions
from benchmarks.quality.texts_sets import SETS, Set
from keepgate import SequenceClassifier
from keepgate.data.text.labelled import LabelledTexts
from keepgate.tasks.common.calibration import confidence_scores

ROWS = Path(__file__).with_name("texts.csv")
ASKED = {"ECE": 0.05, "AUC right/wrong": 0.8}  # at most; at least
PEER = "TF-IDF and logistic regression"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--count", type=int, help="learn from so many texts of each (default: all)")
    parser.add_argument("--earlier", action="store_true", help="leave the test parts alone, and keep no rows")
    options = parser.parse_args()
    for data in opened(SETS, options.sets):
        data = data if options.count is None else data.part(options.count)
        rows = measure(data, data.valid if options.earlier else data.test)
        print(pd.DataFrame(rows)[["set", "metric", "keepgate", "peer value", "seconds"]].to_string(index=False))
        if not options.earlier and options.count is None:
            keep(ROWS, rows)
    if ROWS.exists():
        print(summary(pd.read_csv(ROWS), [*ASKED, "macro F1"]).to_string(index=False))


def measure(data: Set, asked: LabelledTexts) -> list[dict]:
    """Return the rows of a set, by texts that were not learned from."""
    started, texts, truth = time.process_time(), asked.texts, asked.labels
    model = SequenceClassifier(units=data.units).fit(data.train)
    chances = model.predict_proba(texts)
    seconds = round(time.process_time() - started)
    answers = {"keepgate": model.classes_[chances.argmax(axis=1)], PEER: peer(data).predict(texts)}
    rows = [
        {
            "metric": metric,
            "peer name": PEER,
            "keepgate": score(answers["keepgate"]),
            "peer value": score(answers[PEER]),
        }
        for metric, score in {
            "accuracy": lambda found: float(np.mean(found == truth)),
            "macro F1": lambda found: float(f1_score(truth, found, average="macro")),
        }.items()
    ]
    rows += [
        {"metric": metric, "peer name": "asked", "keepgate": value, "peer value": ASKED[metric]}
        for metric, value in confidence_scores(chances.max(axis=1), answers["keepgate"] == truth).items()
    ]
    about = {"job": "classify texts", "set": data.name, "size": data.size, "seconds": seconds}
    return [{**about, **row, "versions": versions("keepgate", "torch", "scikit-learn")} for row in rows]


def peer(data: Set) -> object:
    """Return the fitted peer."""
    words = {"ngram_range": (1, 2), "sublinear_tf": True}
    letters = {"analyzer": "char", "ngram_range": (1, 4), "sublinear_tf": True, "lowercase": False}
    features = TfidfVectorizer(**(words if data.units == "words" else letters))
    return make_pipeline(features, LogisticRegression(C=10.0, max_iter=2000)).fit(data.train.texts, data.train.labels)


if __name__ == "__main__":
    main()
