import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from keepgate.data.tables.long import long_table, read_long_table
from keepgate.errors import InputError

CSV = """\
unique_id,ds,a,b,label
002,1,10,0.5,yes
x,3,7,0,no
002,0,9,0.25,yes
x,1,5,-1,no
x,2,6,1e3,no
"""


@pytest.fixture
def csv(tmp_path):
    def write(text=CSV, name="t.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_series_in_order_of_appearance_and_steps_in_order_of_time(csv):
    data = read_long_table(csv())
    assert list(data.ids) == ["002", "x"]
    assert list(data.channels) == ["a", "b"]
    assert data.labels is not None
    assert data.labels.tolist() == ["yes", "no"]
    np.testing.assert_array_equal(data.values[0], [[9, 0.25], [10, 0.5]])
    np.testing.assert_array_equal(data.values[1], [[5, -1], [6, 1000], [7, 0]])


@pytest.mark.parametrize(("suffix", "write"), [("parquet", "parquet"), ("feather", "feather"), ("arrow", "arrow")])
def test_other_formats_give_the_same(csv, tmp_path, suffix, write):
    frame = pd.read_csv(csv(), dtype={"unique_id": str})
    path = tmp_path / f"t.{suffix}"
    if write == "parquet":
        frame.to_parquet(path)
    elif write == "feather":
        frame.to_feather(path)
    else:
        table = pa.Table.from_pandas(frame)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    expected, found = read_long_table(csv()), read_long_table(path)
    assert list(found.ids) == list(expected.ids)
    for one, other in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_are_in_order_where_there_is_no_time_column(csv):
    data = read_long_table(csv("unique_id,a,label\nx,3,l\nx,1,l\ny,2,m\n"))
    np.testing.assert_array_equal(data.values[0], [[3], [1]])


def test_time_stamps_order_the_steps(csv):
    data = read_long_table(csv("unique_id,ds,a,label\nx,2024-10-02,3,l\nx,2024-09-30,1,l\n"))
    np.testing.assert_array_equal(data.values[0], [[1], [3]])


def test_columns_by_other_names_and_in_a_chosen_order(csv):
    path = csv("series,t,a,b,kind,note\nx,0,1,2,l,hello\n")
    names = {"id_column": "series", "time_column": "t", "label_column": "kind"}
    data = read_long_table(path, **names, channel_columns=("b", "a"))
    assert list(data.channels) == ["b", "a"]
    np.testing.assert_array_equal(data.values[0], [[2, 1]])


def test_labels_may_be_absent_where_only_predictions_are_made(csv):
    path = csv("unique_id,ds,a\nx,0,1\n")
    assert read_long_table(path, labelled=False).labels is None
    with pytest.raises(InputError, match="no column 'label'"):
        read_long_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("unique_id,ds,a,label\n", "is empty"),
        ("series,ds,a,label\nx,0,1,l\n", "no column 'unique_id'"),
        ("unique_id,ds,label\nx,0,l\n", "has no channel"),
        ("unique_id,ds,a,label\nx,0,1,l\nx,1,,l\n", "column 'a', row 2 has no value"),
        ("unique_id,ds,a,label\nx,0,1,l\nx,1,nan,l\n", "column 'a', row 2 has no value"),
        ("unique_id,ds,a,label\nx,0,1,l\nx,1,inf,l\n", "column 'a', row 2 has an infinite value"),
        ("unique_id,ds,a,label\nx,0,1,l\nx,1,warm,l\n", "column 'a', row 2: 'warm' is no number"),
        ("unique_id,ds,a,label\nx,0,1,l\nx,0,2,l\n", "column 'ds', row 2: series 'x' has the step 0.0 twice"),
        (
            "unique_id,ds,a,label\nx,0,1,l\nx,1,2,m\n",
            "column 'label', row 2: the label of series 'x' changes from 'l' to 'm'",
        ),
        ("unique_id,ds,a,label\nx,0,1,l\nx,,2,l\n", "column 'ds', row 2 has no value"),
    ],
)
def test_what_is_refused_is_told_with_file_column_and_row(csv, text, message):
    path = csv(text)
    with pytest.raises(InputError) as caught:
        read_long_table(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_time_column_that_is_named_has_to_be_there(csv):
    with pytest.raises(InputError, match="no column 't'"):
        read_long_table(csv(), time_column="t")


def counted(tmp_path, **columns):
    """Write a table of three series of four steps with further columns; return its path."""
    rows = pd.DataFrame({"unique_id": np.repeat(["a", "b", "c"], 4), "y": np.arange(12.0) ** 2} | columns)
    rows.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_columns_that_count_rows_are_no_channels(tmp_path):
    steps = np.tile(np.arange(1, 5), 3)
    path = counted(tmp_path, **{"": np.arange(12), "step": steps, "step2": steps * 2, "same": 1})
    read = read_long_table(path, labelled=False)
    assert read.channels == ["y", "step2", "same"]
    assert read.left_out == ["", "step"]
    assert read_long_table(path, channel_columns=["step", "y"], labelled=False).channels == ["step", "y"]


def test_what_counts_is_kept_where_there_is_nothing_else(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("unique_id,y\na,0\na,1\na,2\n")
    assert read_long_table(path, labelled=False).channels == ["y"]


def test_groups_are_read_with_the_series():
    table = pd.DataFrame(
        {"unique_id": ["a", "b", "a"], "who": ["p", "q", "p"], "label": ["x", "y", "x"], "v": [1.0, 2, 3]}
    )
    found = long_table(table, group_column="who")
    assert (found.groups, list(found.channels)) == (["p", "q"], ["v"])
    assert long_table(table.drop(columns=["who", "label"]), group_column="who", labelled=False).groups is None
    with pytest.raises(InputError, match="no column 'who'"):
        long_table(table.drop(columns="who"), group_column="who")
    table.loc[2, "who"] = "q"
    with pytest.raises(InputError, match="row 3: the group of series 'a' changes from 'p' to 'q'"):
        long_table(table, group_column="who")


def test_groups_of_a_wide_table():
    table = pd.DataFrame({"label": ["x", "y"], "who": ["p", "q"], "t1": [1.0, 2], "t2": [3.0, 4]})
    found = long_table(table, group_column="who")
    assert (found.groups, len(found.values)) == (["p", "q"], 2)
