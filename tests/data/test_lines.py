"""Lines in any encoding and with any ends, and what JSON and tables on them cannot be."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time

import pytest

from data.hostile import MIB, READERS, refused
from keepgate.data.lines import check_names, check_row, csv_rows, json_objects, json_value, read_text
from keepgate.data.recordings.manifest import read_manifest
from keepgate.data.text.pairs import read_pairs
from keepgate.data.text.sentences import read_sentences
from keepgate.errors import InputError


def test_a_gzip_file_of_empty_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_LINES", "2000000")
    path = tmp_path / "a.conll.gz"
    path.write_bytes(gzip.compress(b"\n" * 100 * MIB))
    refused(lambda: read_sentences(path), "a.conll.gz has 2,000,001 lines, more than 2,000,000")


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (read_sentences, {"tokens": ["a"], "tags": ["\ud800"]}),
        (read_pairs, {"source": "\udfff", "target": "a"}),
        (read_manifest, {"path": "\ud800.wav", "text": "a"}),
        (read_manifest, {"path": "a.wav", "text": "\ud800"}),
    ],
)
def test_half_a_surrogate_pair(tmp_path, read, row):
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    refused(lambda: read(tmp_path / "a.jsonl"), "a.jsonl, line 1", "surrogate")


TEXTS = {
    "a.conll": "a\tX\nb\tY\n",
    "a.tsv": "a\tb\nc\td\n",
    "segments.csv": "start,end\n0,1\n",
    "segments.txt": "0\t1\ta\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_encodings_and_ends_of_lines(tmp_path, name):
    path, text = tmp_path / name, TEXTS[name]
    path.write_text(text)
    expected = READERS[name](path)
    for same in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text, text.rstrip("\n")):
        path.write_bytes(same.encode())
        assert READERS[name](path) == expected
    for codec in ("utf-16", "utf-16-le", "utf-32"):
        path.write_bytes(text.encode(codec))
        refused(lambda: READERS[name](path), name, "UTF-8")
    path.write_bytes(b"caf\xe9" + text.encode())
    refused(lambda: READERS[name](path), f"{name} is not a text file in UTF-8", "at byte 3, line 1")


def test_lines_end_alike_wherever_the_blocks_of_a_file_end(tmp_path, monkeypatch):
    text = "a\r\nbb\rccc\n\n\r\r\ndddd"
    for size in range(1, 9):
        monkeypatch.setattr("keepgate.data.files.BLOCK", size)
        from keepgate.data.lines import read_lines

        (tmp_path / "a.txt").write_bytes(text.encode())
        assert list(read_lines(tmp_path / "a.txt")) == text.splitlines()


def test_many_blank_lines_at_the_end(tmp_path):
    """They took time by their square."""
    (tmp_path / "a.tsv").write_text("a\tb\n" + "\n" * 500_000)
    started = time.process_time()
    assert len(read_pairs(tmp_path / "a.tsv")) == 1
    assert time.process_time() - started < 5


def test_rows_are_those_of_the_csv_module(tmp_path):
    text = 'a,b\n1,"x, ""y"""\n\n2,"two\nlines"\n3,\n'
    (tmp_path / "a.csv").write_text(text)
    assert list(csv_rows(tmp_path / "a.csv")) == list(enumerate(csv.DictReader(io.StringIO(text)), start=1))


def test_rows_of_other_lengths_than_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1\n1,2,,\n1,2,3\n")
    short, blank, long = (row for _, row in csv_rows(tmp_path / "a.csv"))
    assert short == {"a": "1", "b": None}
    check_row(blank)
    with pytest.raises(InputError, match=r"^there are 1 cells more than columns; put text with commas in double"):
        check_row(long)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,a\n", r"a\.csv has two columns 'a': rename or drop one$"),
        ('a\n"x" y\n', r"a\.csv is no table of comma-separated values: .* \(line 2\)$"),
        ('a\n"x\n', r"a\.csv is no table of comma-separated values: unexpected end of data"),
    ],
)
def test_what_is_no_table(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        list(csv_rows(tmp_path / "a.csv"))


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n"])
def test_a_table_without_rows(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    assert list(csv_rows(tmp_path / "a.csv")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"^here: no JSON \(Expecting value\)$"),
        ("{'a': 1}", r"^here: no JSON \(Expecting property name"),
        ("1" * 5000, r"^here: no JSON \(an integer of too many digits\)$"),
        ("[" * 100_000, r"^here: no JSON \(nested too deeply\)$"),
        ('"\\ud800"', r"^here: half a surrogate pair"),
    ],
)
def test_what_is_no_json(text, words):
    with pytest.raises(InputError, match=words):
        json_value(text, "here")


def test_a_whole_surrogate_pair_is_a_character():
    assert json_value('"\\ud83d\\ude00"', "here") == "\U0001f600"


def test_objects_by_their_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n  \n{"a": [2]}\n')
    assert list(json_objects(path, "{}")) == [(1, {"a": 1}), (4, {"a": [2]})]
    path.write_text('{"a": 1}\n[1]\n')
    with pytest.raises(InputError, match=r'a\.jsonl, line 2: no JSON object such as {"a": 1}$'):
        list(json_objects(path, '{"a": 1}'))


def test_a_document_is_held_to_the_bound_of_a_line(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("[\n1,\n2\n]\n")
    assert read_text(path) == "[\n1,\n2\n]"
    monkeypatch.setenv("KEEPGATE_MAX_LINE_BYTES", "8")
    with pytest.raises(InputError, match=r"the document .*a\.json has .* bytes, more than 8"):
        read_text(path)


def test_names_of_columns_are_distinct():
    check_names([], "here")
    check_names(["a", "A", 1, "1"], "here")
    with pytest.raises(InputError, match=r"^here has two columns 1: rename or drop one$"):
        check_names([1, "1", 1], "here")
