"""Texts with labels: from tables, JSON lines and plain lines."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepgate.data.text.labelled import has_texts, read_texts, text_table
from keepgate.errors import InputError

ROWS = {"text": ["it is, so", "a\nb", 'she said "no"'], "label": ["x", "y", "x"], "who": ["1", "1", "2"]}
NAMES = {"text_column": "text", "id_column": "unique_id", "label_column": "label"}


def check(found, groups=None):
    assert list(found.ids) == [1, 2, 3]
    assert found.texts == ROWS["text"]
    assert found.labels.tolist() == ROWS["label"]
    assert found.groups == groups


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_tables(kind):
    check(text_table(kind(ROWS), text_column="text", group_column="who"), ["1", "1", "2"])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".jsonl.gz"])
def test_files(tmp_path, suffix):
    path, lines = (
        tmp_path / f"texts{suffix}",
        [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)],
    )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if suffix in (".csv", ".tsv"):
        pd.DataFrame(ROWS).to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    elif suffix == ".parquet":
        pq.write_table(pa.table(ROWS), path)
    elif suffix == ".jsonl":
        path.write_text(text)
    else:
        path.write_bytes(gzip.compress(text.encode()))
    check(read_texts(path, **NAMES))


def test_lines_are_texts_without_labels(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("one\n\n two, three\n")
    found = read_texts(path, **NAMES, labelled=False)
    assert (found.texts, found.labels) == (["one", " two, three"], None)
    with pytest.raises(InputError, match=r"new.txt has no labels: give a table, or JSON lines, with 'text', 'label'"):
        read_texts(path, **NAMES)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"text": ["a"], "kind": ["x"]}, "no column 'label'"),
        ({"text": ["a", None], "label": ["x", "y"]}, "row 2 has no value"),
        ({"text": ["a", "b"], "label": ["x", "y"], "unique_id": ["1", "1"]}, "a name comes twice"),
        ({"text": [1, 2], "label": ["x", "y"]}, "row 1: 1 is no text"),
    ],
)
def test_what_is_wrong_is_named(rows, words):
    with pytest.raises(InputError, match=words):
        text_table(pd.DataFrame(rows), text_column="text")


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(InputError, match="has no text"):
        read_texts(tmp_path / "none.txt", **NAMES, labelled=False)


def test_which_tables_hold_texts():
    assert has_texts(pd.DataFrame(ROWS), "text")
    assert not has_texts(pd.DataFrame({"text": [1.0]}), "text")
    assert not has_texts(pd.DataFrame({"a": ["b"]}), "text")
    assert not has_texts([[1.0]], "text")
