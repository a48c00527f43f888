"""Tables as people have them: gaps, futures, attributes, and what is left out by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from keepgate.data.tables.panel import filled
from keepgate.data.tables.reading import panel, with_future
from keepgate.errors import InputError

KINDS = {
    "pandas": lambda t: t,
    "polars": pl.from_pandas,
    "pyarrow": lambda t: pa.Table.from_pandas(t, preserve_index=False),
}


def days(rows: int, name: str = "a", start: str = "2024-01-01", **columns) -> pd.DataFrame:
    ds = pd.date_range(start, periods=rows, freq="D")
    return pd.DataFrame({"unique_id": name, "ds": ds, "y": np.arange(rows, dtype=float), **columns})


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_missing_are_there_without_values(kind: str) -> None:
    table = days(8, x=np.arange(8.0)).drop(index=[3, 4])
    table.loc[6, "y"] = None
    data = panel(KINDS[kind](table))
    np.testing.assert_array_equal(data.values[:, 0], [0, 1, 2, np.nan, np.nan, 5, np.nan, 7])
    np.testing.assert_array_equal(data.values[:, 1], [0, 1, 2, np.nan, np.nan, 5, 6, 7])
    assert data.times.astype("datetime64[D]").tolist() == days(8)["ds"].dt.date.tolist()
    expected = table.set_index("ds").asfreq("D")[["y", "x"]].ffill().to_numpy()  # pandas knows how
    np.testing.assert_array_equal(filled(data.values, data.starts), expected)


def test_what_is_filled_comes_from_the_same_series_and_from_before() -> None:
    nan = np.nan
    values = np.array([[nan, 1], [2, nan], [nan, 3], [nan, nan], [5, nan], [nan, nan]])
    found = filled(values, np.array([0, 3, 6]))
    assert found.tolist() == [[2, 1], [2, 1], [2, 3], [5, 0], [5, 0], [5, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_after_the_last_value_are_the_future(kind: str) -> None:
    a, b = days(6, plan=[0, 1, 0, 1, 1, 0]), days(4, "b", plan=[1, 1, 0, 1])
    a.loc[4:, "y"] = b.loc[3:, "y"] = None
    data = panel(KINDS[kind](pd.concat([a, b])), known_columns=["plan"])
    assert data.starts.tolist() == [0, 4, 7]
    assert data.covariates == ()
    assert data.plan[:, 0].tolist() == [0, 1, 0, 1, 1, 1, 0]
    np.testing.assert_array_equal(data.ahead[:, :, 0], [[1, 0], [1, np.nan]])


def test_a_table_of_the_future() -> None:
    data = panel(pd.concat([days(4, plan=1.0), days(6, "b", plan=2.0)]), known_columns=["plan"])
    future = pd.concat([days(3, "b", "2024-01-07", plan=[5, 6, 7]), days(3, "a", "2024-01-04", plan=[8, 9, 10])])
    found = with_future(data, future.drop(columns="y"))
    np.testing.assert_array_equal(found.ahead[:, :, 0], [[9, 10, np.nan], [5, 6, 7]])  # the first of a is not ahead
    with pytest.raises(InputError, match="the table of the future has no column 'plan'"):
        with_future(data, days(3))
    with pytest.raises(InputError, match=r"row 1: 2024-01-07 09:00 is no whole number of steps of 1 day after the end"):
        with_future(data, future.assign(ds=future["ds"] + pd.Timedelta("9h")))
    with pytest.raises(InputError, match="has no column 'unique_id': say which series"):
        with_future(data, future.drop(columns="unique_id"))


def test_attributes() -> None:
    table = pd.concat([days(3, region="north"), days(3, "b", region=["south", None, "south"])])
    data = panel(table, static_columns=["region"])
    assert data.statics == {"region": ["north", "south"]}
    assert data.cut(np.array([0, 1]), np.array([0, 3])).statics == {"region": ["south"]}
    with pytest.raises(InputError, match="column 'region', row 2: 'east' in series 'a', which had 'north'"):
        panel(days(3, region=["north", "east", "north"]), static_columns=["region"])


def test_series_that_cannot_be_used_are_left_out_by_name() -> None:
    bad = [
        days(5, "empty").assign(y=np.nan),
        days(5, "twice").assign(ds=pd.Timestamp("2024-01-01")),
        days(5, "off").assign(ds=pd.date_range("2024-01-01", periods=5, freq="29h")),
    ]
    table = pd.concat([days(9), *bad, days(9, "b")])
    with pytest.raises(InputError, match="series 'empty' has no value in column 'y'"):
        panel(table)
    data = panel(table, skip_bad=True)
    assert data.ids.to_list() == ["a", "b"]
    assert data.starts.tolist() == [0, 9, 18]
    names = [text.split(" ")[1] for text in data.skipped]
    assert names == ["'empty'", "'twice'", "'off'"]
    with pytest.raises(InputError, match="series 'empty' has no value"):
        panel(pd.concat(bad[:1]), skip_bad=True)
