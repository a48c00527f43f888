"""What the command line shows of a tagger."""

from __future__ import annotations

import numpy as np

from keepgate.data.text.sentences import Sentences
from keepgate.tasks import face


def test_the_table_has_a_row_for_each_token(data, fitted):
    table = face(fitted).table(Sentences(data[0][:2], None)).to_pylist()
    assert [row["token"] for row in table] == data[0][0] + data[0][1]
    assert [(row["sentence"], row["position"]) for row in table] == [(s, p) for s in (1, 2) for p in range(1, 8)]
    assert [row["tag_hat"] for row in table] == [tag for tags in fitted.predict(data[0][:2]) for tag in tags]
    assert all(1 / len(fitted.tags_) <= row["probability"] <= 1 for row in table)


def test_baselines_are_counted_from_the_training_data(fitted):
    rows = {
        row["model"]: row for row in face(fitted).evaluate(Sentences([["switch", "unseen"]], [["late-ch", "late-on"]]))
    }
    counts = fitted.tag_counts_
    most = max(sorted(counts), key=lambda tag: counts[tag])
    assert rows["commonest tag"]["accuracy"] == np.mean([most == "late-ch", most == "late-on"])
    assert rows["commonest tag of the word"]["accuracy"] == np.mean([True, most == "late-on"])


def test_the_report_shows_the_mistakes(data, fitted):
    sections = face(fitted).report(Sentences(*data), None)
    listing = sections[-1].listing
    guess = fitted.predict(data[0])
    i, k = next((i, k) for i, row in enumerate(guess) for k in range(len(row)) if row[k] != data[1][i][k])
    assert f"[{data[0][i][k]}: {data[1][i][k]}, {guess[i][k]}]" in listing
