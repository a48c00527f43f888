"""fit, predict and evaluate of the tagger, from files to files."""

import csv
import io
import json

import pytest

from cli.files import FAST, refused
from keepgate.data.text.sentences import read_sentences
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
    assert "10 sequences of 30 tokens; 6 words are known as such\n3 tags: DET 33%, NOUN 33%, VERB 33%\n" in outcome.out
    assert "10 sequences of 30 tokens" in (tmp_path / "run" / "report.html").read_text()
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
    fitted = keepgate("fit", "tag", data, "--valid", data, "--out", run, *FAST)
    assert "they mark spans: 'x'" in fitted.out
    outcome = keepgate("evaluate", run, data)
    assert outcome.out.splitlines()[0].split() == [
        "model", "accuracy", "span", "precision", "span", "recall", "span", "F1",
    ]  # fmt: skip
    assert "span" not in keepgate("evaluate", run, file("no.tsv", ["works\tO"])).out


def test_a_line_without_a_tag_is_refused_and_nothing_is_written(keepgate, file, tmp_path):
    outcome = keepgate("fit", "tag", file("bad.conll", [*LINES, "lonely"]), "--out", tmp_path / "run", *FAST)
    refused(outcome, "bad.conll, line 9: no tag in column 2 of 1")
    assert not (tmp_path / "run").exists()


def test_predictions_are_written_as_conll_and_as_json_lines(keepgate, file, tmp_path):
    data = file("spans.tsv", ["in\tO", "deep\tB-x", "learning\tI-x", "", "works\tO", ""] * 8)
    run = tmp_path / "spans"
    fit = keepgate("fit", "tag", data, "--out", run, *FAST, "--epochs", "30", "--learning-rate", "0.02")
    assert fit.code == 0
    new = file("new.txt", ["in", "deep", "learning", "", "works"])
    assert keepgate("predict", run, new, "--out", tmp_path / "a.conll").code == 0
    text = (tmp_path / "a.conll").read_text()
    found = read_sentences(tmp_path / "a.conll")
    assert text.endswith("works\tO\n\n")
    assert found.tokens == [["in", "deep", "learning"], ["works"]]
    assert found.tags == [["O", "B-x", "I-x"], ["O"]]
    assert keepgate("predict", run, new, "--out", tmp_path / "a.jsonl").code == 0
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["tags"] for row in rows] == found.tags
    (span,) = rows[0]["spans"]
    assert span.pop("score") == min(rows[0]["probabilities"][1:3])
    assert span == {"kind": "x", "start": 1, "stop": 3, "text": "deep learning", "begin": 3, "end": 16}
    assert " ".join(rows[0]["tokens"])[span["begin"] : span["end"]] == span["text"]
    assert rows[1]["spans"] == []
    assert all(0 < p <= 1 for row in rows for p in row["probabilities"])


def test_running_text_is_cut_and_what_is_found_has_its_place(keepgate, file, tmp_path):
    pytest.importorskip("nltk")
    data = file("spans.tsv", ["in\tO", "deep\tB-x", "learning\tI-x", ".\tO", "", "works\tO", ".\tO", ""] * 8)
    run = tmp_path / "spans"
    fit = keepgate("fit", "tag", data, "--out", run, *FAST, "--epochs", "30", "--learning-rate", "0.02")
    assert fit.code == 0
    lines = ["in  deep learning. works.", "", "works."]
    new = file("new.txt", lines)
    assert keepgate("predict", run, new, "--raw", "--out", tmp_path / "a.jsonl").code == 0
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == lines
    assert rows[0]["tokens"] == ["in", "deep", "learning", ".", "works", "."]
    (span,) = rows[0]["spans"]
    assert (span["text"], span["begin"], span["end"]) == ("deep learning", 4, 17)
    table = list(csv.DictReader(io.StringIO(keepgate("predict", run, new, "--raw").out)))
    assert [(row["text"], row["begin"], row["end"]) for row in table if row["token"] == "works"] == [
        ("1", "19", "24"),
        ("3", "0", "5"),
    ]
    refused(keepgate("predict", run, file("empty.txt", [""]), "--raw"), "empty.txt has no text")


def test_scores_are_written_as_json_and_csv(keepgate, file, tagged, tmp_path):
    data = file("test.conll", LINES)
    rows = json.loads(keepgate("evaluate", tagged, data, "--json", "--out", tmp_path / "scores.csv").out)
    assert [row["model"] for row in rows] == ["lstm", "commonest tag of the word", "commonest tag"]
    written = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [float(row["accuracy"]) for row in written] == pytest.approx([row["accuracy"] for row in rows])
    assert "accuracy" in keepgate("evaluate", tagged, data, "--out", tmp_path / "scores.json").out
    assert json.loads((tmp_path / "scores.json").read_text()) == rows
    refused(keepgate("evaluate", tagged, data, "--out", tmp_path / "a.txt"), "ends in none of .json, .csv")
