"""fit, predict and evaluate of the tagger, from files to files."""

import csv
import io

import pytest

from cli.files import FAST, refused
from keepgate.tasks.tag.estimator import Tagger

LINES = [
    "the DET".replace(" ", "\t"), "cat\tNOUN", "sleeps\tVERB", "",
    "a\tDET", "dog\tNOUN", "barks\tVERB", "",
]  # fmt: skip


@pytest.fixture
def tagged(keepgate, file, tmp_path):
    train = file("train.conll", LINES * 5)
    outcome = keepgate("fit", "tag", train, "--out", tmp_path / "run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert "commonest tag of the word" in outcome.out
    return tmp_path / "run"


def test_predict_writes_a_row_for_each_token(keepgate, file, tagged):
    outcome = keepgate("predict", tagged, file("new.txt", ["the", "dog", "", "barks"]))
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [(row["sentence"], row["position"], row["token"]) for row in rows] == [
        ("1", "1", "the"),
        ("1", "2", "dog"),
        ("2", "1", "barks"),
    ]
    assert [row["tag_hat"] for row in rows] == sum(Tagger.load(tagged).predict([["the", "dog"], ["barks"]]), [])  # noqa: RUF017


def test_evaluate_prints_scores_of_spans_where_tags_mark_them(keepgate, file, tmp_path):
    data = file("spans.tsv", ["<s>", "deep\tB-x", "learning\tI-x", "works\tO", "</s>"] * 3)
    run = tmp_path / "spans"
    assert keepgate("fit", "tag", data, "--valid", data, "--out", run, *FAST).code == 0
    outcome = keepgate("evaluate", run, data)
    assert outcome.out.splitlines()[0].split() == [
        "model", "accuracy", "span", "precision", "span", "recall", "span", "F1",
    ]  # fmt: skip
    assert "span" not in keepgate("evaluate", run, file("no.tsv", ["works\tO"])).out


def test_a_line_without_a_tag_is_refused_and_nothing_is_written(keepgate, file, tmp_path):
    outcome = keepgate("fit", "tag", file("bad.conll", [*LINES, "lonely"]), "--out", tmp_path / "run", *FAST)
    refused(outcome, "bad.conll, line 9: no tag in column 2 of 1")
    assert not (tmp_path / "run").exists()
