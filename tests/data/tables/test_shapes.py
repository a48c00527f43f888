"""Tables that are not long become the long ones that pandas makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from keepgate.data.tables.reading import panel
from keepgate.errors import InputError

DAYS = pd.date_range("2024-01-01", periods=5, freq="D", name="ds")


def test_one_series_without_an_id() -> None:
    data = panel(pd.DataFrame({"ds": DAYS, "y": range(5), "x": range(5, 0, -1)}))
    assert data.ids.to_list() == ["y"]
    assert data.names == ("unique_id", "ds", "y", "x")
    with pytest.raises(InputError, match="has no column 'unique_id' but 'ds', 'y', and times come twice"):
        panel(pd.DataFrame({"ds": [*DAYS, *DAYS], "y": range(10)}))


@pytest.mark.parametrize("convert", [lambda t: t, pl.from_pandas])
def test_a_wide_table_has_a_series_in_each_column(convert) -> None:
    wide = pd.DataFrame({"ds": DAYS, "north": np.arange(5.0), "south": np.arange(5.0) ** 2})
    data = panel(convert(wide))
    expected = panel(wide.melt("ds", var_name="unique_id", value_name="y"))
    assert data.ids.to_list() == ["north", "south"]
    np.testing.assert_array_equal(data.values, expected.values)
    np.testing.assert_array_equal(data.times, expected.times)


@pytest.mark.parametrize("index", [DAYS, DAYS.rename(None), DAYS.to_period("D"), pd.Index(DAYS.date)])
def test_the_index_of_pandas_is_the_time(index: pd.Index) -> None:
    y = pd.Series(np.arange(5.0), index=index)
    for table in (y, y.to_frame("y"), pd.DataFrame({"unique_id": "y", "y": y})):
        data = panel(table)
        assert data.ids.to_list() == ["y"]
        assert data.values[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert data.times.astype("datetime64[D]").tolist() == DAYS.date.tolist()


def test_an_index_that_only_counts_is_none() -> None:
    with pytest.raises(InputError, match="has no column 'ds'"):
        panel(pd.DataFrame({"unique_id": "a", "y": range(5)}))


def test_values_alone_are_numbered() -> None:
    for table in (pd.Series([3.0, 1, 2]), pd.DataFrame({"y": [3.0, 1, 2]}, index=[7, 8, 9])):
        data = panel(table)
        assert data.values[:, 0].tolist() == [3, 1, 2]
        assert data.times.tolist() == table.index.tolist()


def test_levels_of_the_index_that_are_called_as_columns_are_these() -> None:
    table = pd.DataFrame({"unique_id": [*"aabb"], "ds": [*DAYS[:2], *DAYS[:2]], "y": range(4)})
    expected = panel(table)
    for levels in (["unique_id", "ds"], ["ds", "unique_id"], ["unique_id"], ["ds"]):
        data = panel(table.set_index(levels))
        assert data.ids.to_list() == [*"ab"]
        np.testing.assert_array_equal(data.times, expected.times)
        np.testing.assert_array_equal(data.values, expected.values)
