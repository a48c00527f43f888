"""Manifests: rows to utterances, and the rows that are refused or skipped by number."""

import json

import numpy as np
import pytest
import soundfile

from keepgate.data.recordings.manifest import read_manifest
from keepgate.errors import InputError

STROKES = [[[0, 0], [3, 7]], [[1, 1]]]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sounds").mkdir()
    for name, rate in (("a", 8000), ("b", 8000), ("fast", 16000)):
        soundfile.write(tmp_path / "sounds" / f"{name}.wav", np.full(rate // 10, 0.25), rate)
    soundfile.write(tmp_path / "sounds" / "silent.wav", np.zeros(800), 8000)
    return tmp_path


def csv(folder, *rows, header="path,text"):
    path = folder / "all.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_table_of_recordings(folder):
    found = read_manifest(csv(folder, "sounds/a.wav,one", '"sounds/b.wav","two, three"'))
    assert (found.kind, found.rate, found.texts) == ("audio", 8000, ["one", "two, three"])
    assert found.names == ["sounds/a.wav", "sounds/b.wav"]
    assert [len(samples) for samples in found.contents] == [800, 800]


def test_columns_sessions_and_rows_without_texts(folder):
    path = csv(folder, "x,sounds/a.wav,9", header="who,file,n")
    found = read_manifest(path, path_column="file", session_column="who", labelled=False)
    assert (found.texts, found.groups) == (None, ["x"])


def test_lines_of_strokes(tmp_path):
    path = tmp_path / "ink.jsonl"
    path.write_text(json.dumps({"strokes": STROKES, "text": "ab", "writer": 3}) + "\n\n")
    found = read_manifest(path)
    assert (found.kind, found.rate, found.texts, found.names) == ("ink", None, ["ab"], ["row 1"])
    np.testing.assert_array_equal(found.contents[0][0], [[0, 0], [3, 7]])


def test_rates_are_mixed_only_where_one_is_asked_for(folder):
    path = csv(folder, "sounds/a.wav,one", "sounds/fast.wav,two")
    with pytest.raises(InputError, match=r"all\.csv, row 2: sounds/fast\.wav has 16000 Hz, but row 1 8000 Hz"):
        read_manifest(path)
    found = read_manifest(path, rate=8000)
    assert [len(samples) for samples in found.contents] == [800, 800]


BAD = {
    "sounds/none.wav,one": r"none\.wav cannot be read: No such file",
    "sounds/silent.wav,one": "silent throughout",
    "sounds/a.wav,": "the text in column 'text' is empty",
    ",one": "the path in column 'path' is empty",
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_is_named(folder, row):
    with pytest.raises(InputError, match=rf"all\.csv, row 2: .*{BAD[row]}"):
        read_manifest(csv(folder, "sounds/a.wav,one", row))


def test_bad_rows_are_skipped_and_listed(folder):
    found = read_manifest(csv(folder, *BAD, "sounds/b.wav,two"), skip_bad=True)
    assert found.texts == ["two"]
    assert [(one.file, one.row) for one in found.skipped] == [(str(folder / "all.csv"), k) for k in (1, 2, 3, 4)]
    assert "silent" in found.skipped[1].reason
    assert found.where(0) == f"{folder / 'all.csv'}, row 5"


def test_some_of_the_utterances_and_those_that_turn_out_bad(folder):
    path = csv(folder, "sounds/a.wav,one", "sounds/none.wav,two", "sounds/b.wav,three", "sounds/a.wav,four")
    found = read_manifest(path, skip_bad=True)
    part = found.part([2, 0])
    assert (part.texts, part.numbers, part.names) == (["four", "one"], [4, 1], ["sounds/a.wav", "sounds/a.wav"])
    rest = found.without({1: "too odd"})
    assert (rest.texts, rest.numbers) == (["one", "four"], [1, 4])
    assert [(one.row, one.reason) for one in rest.skipped] == [(2, found.skipped[0].reason), (3, "too odd")]
    assert found.without({}) is found
    with pytest.raises(InputError, match=r"all\.csv has no row that can be used; .*all\.csv, row 1: odd"):
        found.without(dict.fromkeys(range(3), "odd"))
    with pytest.raises(InputError, match=r"all\.csv, row 2: odd"):
        read_manifest(csv(folder, "sounds/a.wav,one", "sounds/b.wav,two")).without({1: "odd"})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "path,text\n", "has no row"),
        ("a.csv", "file,text\nx.wav,one\n", "row 1: there is no column 'path', but 'file', 'text'"),
        ("a.txt", "x", "is no manifest"),
        ("a.jsonl", '{"strokes": [[[1, 1]]], "text": "i"}', "row 1: the ink is a single point"),
        ("a.jsonl", "{}", "row 1: there is no column 'text'"),
    ],
)
def test_what_is_no_manifest(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(path)


def test_who_speaks_is_read_with_the_texts(folder):
    path = csv(folder, "sounds/a.wav,one,ann", "sounds/b.wav,two,bob", header="path,text,who")
    assert read_manifest(path, group_column="who").sources == ["ann", "bob"]
    assert read_manifest(path, group_column="who").part([1]).sources == ["bob"]
    assert read_manifest(path, group_column="who", labelled=False).sources is None
    with pytest.raises(InputError, match="there is no column 'whom'"):
        read_manifest(path, group_column="whom")
