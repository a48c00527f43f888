"""What the command line shows of a tagger."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import Tagger
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.tasks import face, face_class
from keepgate.tasks.tag.parameters import TagColumns
from tasks.tag.data import SMALL


def test_the_table_has_a_row_for_each_token(data, fitted):
    table = face(fitted).table(Sentences(data[0][:2], None)).to_pylist()
    assert [row["token"] for row in table] == data[0][0] + data[0][1]
    assert [(row["sentence"], row["position"]) for row in table] == [(s, p) for s in (1, 2) for p in range(1, 8)]
    assert [row["tag_hat"] for row in table] == [tag for tags in fitted.predict(data[0][:2]) for tag in tags]
    assert all(1 / len(fitted.tags_) <= row["probability"] <= 1 for row in table)


def test_documents_need_not_be_named_where_nothing_is_learned(tmp_path):
    (tmp_path / "a.txt").write_text("a dog\nbarks\n")
    columns = TagColumns(group_column="newdoc")
    assert face_class("tag").read(tmp_path / "a.txt", columns, labelled=False).tokens == [["a", "dog"], ["barks"]]
    with pytest.raises(InputError, match="no comment '# newdoc'"):
        face_class("tag").read(tmp_path / "a.txt", columns)


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


def test_the_report_shows_spans_and_how_often_tags_are_right(spans_of_words):
    tagger = Tagger(**{**SMALL, "epochs": 20}, learning_rate=0.02).fit(*spans_of_words)
    data = Sentences(*(part[:8] for part in spans_of_words))
    sections = {section.title: section for section in face(tagger).report(data, None)}
    (row,) = sections["Confidence on the training data"].rows
    assert 0 <= row["ECE"] <= 1
    words = {text.get_text() for text in sections["Spans found on the training data"].figure.axes[0].texts}
    assert words >= {"old", "red", "fox"}
