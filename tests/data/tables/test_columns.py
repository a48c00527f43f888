"""Data frames of any library to checked columns; whatever is wrong names the row and the column."""

from __future__ import annotations

import datetime

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from keepgate.data.tables.columns import numbers, times, to_frame
from keepgate.errors import InputError

TABLE = pa.table({"unique_id": ["a", "a", "b"], "ds": [0, 1, 0], "y": [1.5, 2.0, -3.25]})


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
def test_frames(kind) -> None:
    frame = to_frame(kind({"unique_id": ["a"], "y": [1]}), ["y"])
    assert frame["y"].to_list() == [1]
    with pytest.raises(InputError, match=r"^f.csv has no column 'ds' but 'unique_id', 'y': rename or add it$"):
        to_frame(kind({"unique_id": ["a"], "y": [1]}), ["unique_id", "ds", "y"], "f.csv")
    with pytest.raises(InputError, match=r"^the table is empty: it has a header and no rows$"):
        to_frame(kind({"y": []}), ["y"])


def test_what_is_no_frame() -> None:
    with pytest.raises(InputError, match="the table is a list; give a pandas, polars or pyarrow table"):
        to_frame([1, 2], [])
    with pytest.raises(InputError, match="LazyFrame"):
        to_frame(pl.LazyFrame({"y": [1]}), ["y"])


def column(values, kind) -> nw.Series:
    return nw.from_native(kind({"y": values}), eager_only=True)["y"]


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("values", [[1, 2], [1.0, 2.0], [True, 2 > 3]])
def test_numbers(kind, values: list) -> None:
    result = numbers(column(values, kind))
    assert result.dtype == np.float64
    assert result.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None, 3.0], "f.csv, column 'y', row 2 has no value"),
        ([1, 2, None], "f.csv, column 'y', row 3 has no value"),
        ([None, None], "f.csv, column 'y', row 1 has no value"),
        ([1.0, float("nan")], "f.csv, column 'y', row 2 has no value"),
        ([1.0, 2.0, float("-inf")], "f.csv, column 'y', row 3 has an infinite value"),
        (["1", "2"], "f.csv, column 'y', row 1: '1' is no number; correct it or drop the column"),
        ([None, "x" * 100], r"f.csv, column 'y', row 2: 'x+\.\.\.' is no number"),
    ],
)
def test_what_is_no_number(kind, values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        numbers(column(values, kind), "f.csv")


def test_numbers_as_objects_and_nullable_integers() -> None:
    assert numbers(nw.from_native(pd.Series([1, 2.5], dtype=object, name="y"), series_only=True)).tolist() == [1, 2.5]
    with pytest.raises(InputError, match="row 2 has no value"):
        numbers(nw.from_native(pd.Series([1, None], dtype="Int64", name="y"), series_only=True))


NOON = datetime.datetime(2024, 2, 29, 12)
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON, "2024-02-29T12"),
        (NOON.replace(tzinfo=datetime.UTC), "2024-02-29T12"),
        ("2024-02-29 12:00:00", "2024-02-29T12"),
        ("2024-02-29T13:00+01:00", "2024-02-29T12"),
        ("2024-02-29", "2024-02-29"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_times(kind, value, expected: str) -> None:
    result = times(column([value], kind))
    assert result.dtype == np.dtype("datetime64[us]")
    assert result[0] == np.datetime64(expected)


def test_times_of_other_units_zones_and_counts() -> None:
    zoned = pd.Series(pd.to_datetime(["2024-07-01 12:00"]).tz_localize("Europe/Berlin").as_unit("ns"), name="y")
    assert times(nw.from_native(zoned, series_only=True))[0] == np.datetime64("2024-07-01T10")
    counted = times(column([3, 4], pl.DataFrame))
    assert counted.dtype == np.int64
    assert counted.tolist() == [3, 4]
    assert times(column([1700.0, 1701.0], pd.DataFrame)).tolist() == [1700, 1701]
    there = pd.Series(pd.to_datetime(["2024-07-01 12:00"]).tz_localize("America/New_York"), name="y")
    assert times(nw.from_native(there, series_only=True))[0] == np.datetime64("2024-07-01T16")


@pytest.mark.parametrize("kind", [pa.table, pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-31", "31.1.2024"], "f.csv, column 'y', row 2: '31.1.2024' is no time; write it like 2024-01-31"),
        ([NOON, None], "f.csv, column 'y', row 2 has no value"),
        ([1700.5], "f.csv, column 'y', row 1: 1700.5 is no time"),
    ],
)
def test_what_is_no_time(kind, values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        times(column(values, kind), "f.csv")
