"""fit, predict, evaluate and translate, from files to files."""

import csv
import io
import sys

import pytest

from cli.files import FAST, refused

PAIRS = ["ein Hund\ta dog", "eine Katze\ta cat", "zwei Hunde\ttwo dogs", "zwei Katzen\ttwo cats"]


@pytest.fixture
def translated(keepgate, file, tmp_path):
    train = file("train.tsv", PAIRS * 4)
    outcome = keepgate("fit", "translate", train, "--valid", train, "--out", tmp_path / "translated", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert "source itself" in outcome.out
    assert "16 pairs; 2.0 words a source and 2.0 a target\nsubwords: " in outcome.out
    assert "Attention" in (tmp_path / "translated" / "report.html").read_text()
    return tmp_path / "translated"


def test_predict_and_translate_say_the_same(keepgate, file, translated, monkeypatch, tmp_path):
    outcome = keepgate("predict", translated, file("new.txt", ["ein Hund", "zwei Hunde"]))
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [(row["source"], row["rank"]) for row in rows] == [("ein Hund", "1"), ("zwei Hunde", "1")]
    said = [row["target_hat"] for row in rows]
    assert keepgate("translate", translated, "ein Hund", "zwei Hunde").out.splitlines() == said
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ein Hund\n\nzwei Hunde"), "utf-8"))
    assert keepgate("translate", translated).out.splitlines() == said
    assert keepgate("predict", translated, tmp_path / "new.txt", "--out", tmp_path / "p.csv").code == 0
    assert (tmp_path / "p.csv").read_text() == outcome.out
    assert keepgate("evaluate", translated, tmp_path / "train.tsv").out.split()[:3] == ["model", "BLEU", "chrF"]


def test_two_parallel_files_train_as_one_of_pairs(keepgate, file, translated, tmp_path):
    for place, suffix in enumerate(("de", "en")):
        file(f"pairs.{suffix}", [pair.split("\t")[place] for pair in PAIRS * 4])
    flags = ("--source-suffix", "de", "--target-suffix", "en", *FAST)
    data, run = tmp_path / "pairs", tmp_path / "parallel"
    assert keepgate("fit", "translate", data, "--valid", data, *flags, "--out", run).code == 0
    assert keepgate("translate", run, "ein Hund").out == keepgate("translate", translated, "ein Hund").out
    assert keepgate("evaluate", run, data).out == keepgate("evaluate", translated, tmp_path / "train.tsv").out
    assert keepgate("predict", run, data).out == keepgate("predict", run, tmp_path / "pairs.de").out
    refused(keepgate("fit", "translate", data, *flags[:2], "--out", tmp_path / "no"), "give both source_suffix")


def test_several_translations_are_ranked(keepgate, translated):
    lines = keepgate("translate", translated, "--nbest", "3", "ein Hund").out.splitlines()
    assert lines[3:] == [""]
    scores = [float(line.split("\t")[0]) for line in lines[:3]]
    assert scores == sorted(scores, reverse=True)
    assert len({line.split("\t")[1] for line in lines[:3]}) == 3


def test_replies(keepgate, file, tmp_path):
    data = file("talk.jsonl", ['{"source": "hi", "target": "hello"}', '{"source": "bye", "target": "see you"}'] * 4)
    outcome = keepgate("fit", "translate", data, "--task", "reply", "--out", tmp_path / "run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert "commonest replies" in outcome.out
    replies = [line.split("\t")[1] for line in keepgate("translate", tmp_path / "run", "hi").out.splitlines()[:3]]
    rows = list(csv.DictReader(io.StringIO(keepgate("predict", tmp_path / "run", file("m.txt", ["hi"])).out)))
    assert [row["target_hat"] for row in rows] == replies
    assert [row["rank"] for row in rows] == ["1", "2", "3"]


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\tb\nno tab\n", ["train.tsv, line 2", "1 columns"]),
        (b"a\tb\n\tb\n", ["train.tsv, line 2", "the source is empty"]),
        (b"a\tb\nc\t\n", ["train.tsv, line 2", "the target is empty"]),
        ("a\té\n".encode("latin-1"), ["train.tsv", "not a text file in UTF-8"]),
        (b"", ["train.tsv has no row"]),
        (None, ["train.tsv cannot be read: No such file"]),
    ],
)
def test_files_that_cannot_be_fitted_to_leave_nothing(keepgate, tmp_path, content, words):
    path = tmp_path / "train.tsv"
    if content is not None:
        write(path, content)
    refused(keepgate("fit", "translate", path, "--out", tmp_path / "run", *FAST), *words)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_translated_is_refused(keepgate, run, translated, monkeypatch):
    refused(keepgate("translate", run, "ein Hund"), "holds a model for 'classify', not for 'translate'")
    refused(keepgate("translate", translated / "absent", "ein Hund"), "absent is no folder")
    for count in ("0", "-1", "1001", "9" * 30):
        refused(keepgate("translate", translated, "--nbest", count, "ein Hund"), f"nbest={count} is no whole number")
    refused(keepgate("translate", translated, " "), "an empty one")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ein Caf\xe9\n"), "utf-8"))
    refused(keepgate("translate", translated), "standard input is not text in UTF-8")


def test_a_text_too_long_to_translate_is_refused(keepgate, translated, file, monkeypatch):
    """Attention takes memory for each pair of pieces: 100,000 words took all there was."""
    long = "ein " * 100_000
    refused(keepgate("translate", translated, long), "the text 'ein ein", "more than 2,000", "KEEPGATE_MAX_TEXT_PIECES")
    refused(keepgate("predict", translated, file("long.txt", [long])), "KEEPGATE_MAX_TEXT_PIECES")
    monkeypatch.setenv("KEEPGATE_MAX_LINE_BYTES", "1000")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a" * 5000), "utf-8"))
    refused(keepgate("translate", translated), "a line of standard input", "KEEPGATE_MAX_LINE_BYTES")
