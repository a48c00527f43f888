"""Delimited text in its dialects, and tables that promise too much."""

from __future__ import annotations

import pandas as pd
import pytest

from data.hostile import MIB, refused
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.table import read_table
from keepgate.errors import InputError


def test_a_table_of_a_million_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("unique_id,label," + ",".join(f"c{i}" for i in range(10**6)) + "\n")
    refused(lambda: read_table(path), "a.csv", "more than 10,000", "KEEPGATE_MAX_COLUMNS")


def test_a_cell_of_a_hundred_megabytes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"unique_id,label,a\nx,l," + b"9" * 100 * MIB + b"\n")
    refused(lambda: read_table(path), "a cell of ", "a.csv", "KEEPGATE_MAX_CELL_BYTES")
    path.write_bytes(b'unique_id,label,a\nx,l,"' + b"9," * 50 * MIB + b'"\n')
    refused(lambda: read_table(path), "a line of ", "a.csv", "KEEPGATE_MAX_LINE_BYTES")


def test_a_csv_file_of_nothing_but_commas(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_CELLS", "1000000")
    path = tmp_path / "a.csv"
    path.write_bytes(b",".join(b"c%d" % i for i in range(1000)) + b"\n" + (b"," * 999 + b"\n") * 2000)
    refused(lambda: read_table(path), "a.csv", "cells", "KEEPGATE_MAX_CELLS")


def test_a_column_whose_name_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"unique_id,label,caf\xe9\nx,l,1\n")
    refused(lambda: read_long_table(tmp_path / "a.csv"), "a.csv: its header is not in UTF-8")


def test_a_long_label_beside_many(tmp_path):
    """An array of texts takes for each as much as for the longest."""
    rows = "".join(f"s{i},l,1\n" for i in range(20_000))
    (tmp_path / "a.csv").write_text(f"unique_id,label,a\nx,{'m' * 500_000},1\n{rows}")
    refused(lambda: read_long_table(tmp_path / "a.csv"), "a.csv", "column 'label'", "KEEPGATE_MAX_LABEL_CHARACTERS")


FRAME = pd.DataFrame({"name": ["a b", "c"], "x": [1.5, -2.25], "n": [1, 20]})


DIALECTS = [(sep, decimal) for sep in ",;\t|" for decimal in ".," if (sep, decimal) != (",", ",")]


@pytest.mark.parametrize(("delimiter", "decimal"), DIALECTS)
def test_every_dialect_is_the_table_that_pandas_wrote(tmp_path, delimiter, decimal):
    path = tmp_path / "a.csv"
    FRAME.to_csv(path, sep=delimiter, decimal=decimal, index=False)
    pd.testing.assert_frame_equal(read_table(path).to_pandas(), FRAME)


def test_delimiters_in_quotes_of_the_header_do_not_count(tmp_path):
    (tmp_path / "a.csv").write_text('"a,b,c,d";x\n1;2,5\n')
    assert read_table(tmp_path / "a.csv").to_pydict() == {"a,b,c,d": [1], "x": [2.5]}


def test_a_number_late_in_the_file_makes_the_column_one_of_numbers(tmp_path):
    """Types are those of all rows, not of the first ones."""
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 300_000 + "2.5\n")
    column = read_table(tmp_path / "a.csv")["x"]
    assert (column[0].as_py(), column[-1].as_py()) == (1.0, 2.5)


def test_columns_that_are_asked_for_as_text_keep_their_zeros(tmp_path):
    (tmp_path / "a.csv").write_text("id,x\n007,1\n")
    assert read_table(tmp_path / "a.csv", text=["id"])["id"].to_pylist() == ["007"]
    assert read_table(tmp_path / "a.csv")["id"].to_pylist() == [7]


@pytest.mark.parametrize("codec", ["utf-16", "latin-1"])
def test_other_encodings_are_told(tmp_path, codec):
    (tmp_path / "a.csv").write_bytes("name,x\ncafé,1\n".encode(codec))
    with pytest.raises(InputError, match=r"a\.csv: (it|column 'name') is not in UTF-8: save the file as UTF-8, "):
        read_table(tmp_path / "a.csv")
