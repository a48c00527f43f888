"""Wide tables, with and without a header."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.long import long_table, read_long_table
from keepgate.data.tables.wide import has_no_header, numbered, read_rows
from keepgate.errors import InputError

UCR = "1\t-1.5\t0.25\t1e-1\n-1\t2\tNaN\t4\n1\t7\t8\tNaN\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="GunPoint_TRAIN.tsv"):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["GunPoint_TRAIN.tsv", "a.csv", "a.tsv.gz"])
def test_rows_without_a_header(file, name):
    data = read_long_table(file(UCR if "tsv" in name else UCR.replace("\t", ","), name))
    assert (list(data.ids), data.channels) == ([1, 2, 3], ["value"])
    assert data.labels.tolist() == ["1", "-1", "1"]
    expected = [[-1.5, 0.25, 0.1], [2, np.nan, 4], [7, 8]]
    for found, row in zip(data.values, expected, strict=True):
        np.testing.assert_array_equal(found[:, 0], row)


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["0", "1", "2"], True),
        (["t1", "t2", "t3"], True),
        (["x_009", "x_010"], True),
        (["1", "3"], False),
        (["a1", "b2"], False),
        (["a", "b"], False),
        (["t1"], False),
        (["-1.5", "0.25"], False),
    ],
)
def test_names_that_count(names, counts):
    assert numbered(names) == counts


@pytest.mark.parametrize(
    "text", ["unique_id,ds,a,label\nx,0,1,l\n", "label,0,1,2\na,1,2,3\n", "0,1,2\n1,2,3\n", "a,b\n", ""]
)
def test_a_header_is_noticed(file, text):
    assert not has_no_header(file(text, "t.csv"))


def test_a_header_of_steps(file):
    path = file("label,t0,t1,t2\nup,1,2,3\ndown,4,,6\nup,7,8,\n", "t.csv")
    data = read_long_table(path)
    assert data.labels.tolist() == ["up", "down", "up"]
    assert [value[:, 0].tolist() for value in data.values[::2]] == [[1, 2, 3], [7, 8]]
    assert np.isnan(data.values[1][1, 0])
    again = long_table(pd.read_csv(path), channel_columns=("value",))  # as a model that was trained on it asks
    assert [value.shape for value in again.values] == [(3, 1), (3, 1), (2, 1)]
    named = pd.read_csv(path).assign(unique_id=["a", "b", "c"])
    assert list(long_table(named).ids) == ["a", "b", "c"]
    assert long_table(named.drop(columns="label"), labelled=False).labels is None


def test_numbered_channels_of_a_long_table_stay_channels():
    table = pd.DataFrame({"unique_id": ["a", "a", "b"], "label": [1, 1, 2], "x1": [1.5, 2, 3], "x2": [4.0, 5, 6]})
    assert long_table(table).channels == ["x1", "x2"]
    timed = table.assign(ds=[0, 1, 0], unique_id=["a", "b", "c"])
    assert long_table(timed).channels == ["x1", "x2"]


def test_a_wide_table_needs_its_labels():
    with pytest.raises(InputError, match="the table has no column 'label' but '0', '1': rename or add it"):
        long_table(pd.DataFrame({"0": [1.0], "1": [2.0]}))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t2\twarm\t4", "line 2, column 3: 'warm' is no number; correct it"),
        ("1\t2\tinf\t4", "line 2, column 3: inf is infinite or beyond 1e+100"),
        ("1\tNaN\t?\t", "line 2 has no value: take the line away"),
        ("\t1\t2\t3", "line 2 has no label in its first column: fill it in"),
    ],
)
def test_what_is_refused_is_told_with_file_and_line(file, line, message):
    path = file(f"1\t1.5\t2\t3\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}, {message}"
