"""Long tables of every kind to one panel of sorted series, and back."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from keepgate.data.tables.reading import panel
from keepgate.errors import InputError

KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


def rows(**changes: list) -> dict[str, list]:
    """Two daily series, b before a, their rows mixed and unsorted."""
    days = [datetime.date(2024, 1, day) for day in (3, 1, 1, 2, 2, 3)]
    columns = {"unique_id": list("babaab"), "ds": days, "y": [3.0, 10.0, 1.0, 20.0, 2.5, 30.0], "x": [0, 1, 2, 3, 4, 5]}
    columns["unique_id"] = ["b", "a", "b", "a", "b", "a"]
    return {**columns, **changes}


@pytest.mark.parametrize("kind", KINDS)
def test_sorted_series(kind: str) -> None:
    data = panel(KINDS[kind](rows()))
    assert data.ids.to_list() == ["b", "a"]
    assert data.starts.tolist() == [0, 3, 6]
    assert data.values.tolist() == [[1, 2], [2.5, 4], [3, 0], [10, 1], [20, 3], [30, 5]]
    assert data.times.astype("datetime64[D]").astype(object)[:3].tolist() == [
        datetime.date(2024, 1, d) for d in (1, 2, 3)
    ]
    assert str(data.frequency) == "1 day"
    assert data.names == ("unique_id", "ds", "y", "x")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "when",
    [
        [datetime.datetime(2024, 1, 1, hour) for hour in (2, 0, 0, 1, 1, 2)],
        [datetime.datetime(2024, 1, 1, hour, tzinfo=datetime.UTC) for hour in (2, 0, 0, 1, 1, 2)],
        [7, 5, 5, 6, 6, 7],
    ],
)
def test_tables_come_back_in_their_own_types(kind: str, when: list) -> None:
    table = KINDS[kind](rows(ds=when))
    data = panel(table)
    back = data.table(np.repeat([0, 1], 3), data.times, {"y": data.values[:, 0], "x": data.values[:, 1]})
    assert type(back) is type(table)
    assert list(back.columns if kind != "pyarrow" else back.column_names) == ["unique_id", "ds", "y", "x"]
    before, after = (t if kind == "pandas" else t.to_pandas() for t in (table, back))
    before["x"] = before["x"].astype(float)
    before = before.sort_values(["unique_id", "ds"], ascending=[False, True], ignore_index=True)
    pd.testing.assert_frame_equal(before, after)


def test_index_categories_and_zone_survive() -> None:
    times = pd.date_range("2024-03-30 22:00", periods=6, freq="h", tz="Europe/Berlin")  # clocks go forward in between
    table = pd.DataFrame({"unique_id": pd.Categorical(["a"] * 6), "ds": times, "y": range(6)}, index=list("uvwxyz"))
    data = panel(table)
    back = data.table(
        np.zeros(6, dtype=int), data.frequency.after(data.times[-1], np.arange(1, 7)), {"y": data.values[:, 0]}
    )
    assert back["ds"].tolist() == pd.date_range(times[-1], periods=7, freq="h")[1:].tolist()
    assert back["unique_id"].dtype == "category"


def test_days_of_changing_clocks_go_by_the_clock() -> None:
    times = pd.date_range("2024-03-25", periods=10, freq="D", tz="Europe/Berlin")
    data = panel(pd.DataFrame({"unique_id": "a", "ds": times, "y": range(10)}))
    assert str(data.frequency) == "1 day"
    ahead = data.frequency.after(data.times[-1], np.arange(1, 4))
    back = data.table(np.zeros(3, dtype=int), ahead, {"y": np.zeros(3)})
    assert back["ds"].tolist() == pd.date_range(times[-1], periods=4, freq="D")[1:].tolist()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "+05:30"])
@pytest.mark.parametrize("first", ["2024-02-01", "2024-10-10"])  # some clocks change in the rows, some only after them
def test_days_go_by_the_clock_of_any_zone(zone: str, first: str) -> None:
    times = pd.date_range(first, periods=40, freq="D", tz=zone)
    data = panel(pd.DataFrame({"unique_id": "a", "ds": times[:20], "y": range(20)}))
    ahead = data.frequency.after(data.times[-1], np.arange(1, 21))
    back = data.table(np.zeros(20, dtype=int), ahead, {"y": np.zeros(20)})
    assert back["ds"].dtype == times.dtype
    assert back["ds"].tolist() == times[20:].tolist()


def test_hours_go_by_utc_in_any_zone() -> None:
    times = pd.date_range("2024-11-01", periods=80, freq="h", tz="America/New_York")  # clocks go back in between
    data = panel(pd.DataFrame({"unique_id": "a", "ds": times[:20], "y": range(20)}))
    back = data.table(np.zeros(60, dtype=int), data.frequency.after(data.times[-1], np.arange(1, 61)), {})
    assert back["ds"].tolist() == times[20:].tolist()


def test_names_of_columns() -> None:
    table = pd.DataFrame(rows()).rename(columns={"unique_id": "meter", "ds": "day", "y": "kWh"}).assign(note="text")
    data = panel(table, id_column="meter", time_column="day", target_column="kWh", covariate_columns=["x"])
    assert data.names == ("meter", "day", "kWh", "x")
    assert data.values.shape == (6, 2)
    assert panel(table.drop(columns="note"), id_column="meter", time_column="day", target_column="kWh").covariates == (
        "x",
    )


def test_cut() -> None:
    data = panel(pd.DataFrame(rows()))
    part = data.cut(np.array([1, 3]), np.array([3, 3]))
    assert part.ids.to_list() == ["b"]
    assert part.starts.tolist() == [0, 2]
    assert part.values[:, 0].tolist() == [2.5, 3]


def test_covariates_in_another_order() -> None:
    data = panel(pd.DataFrame({**rows(), "z": [9.0] * 6})).with_covariates(["z", "x"])
    assert data.values[0].tolist() == [1, 9, 2]
    with pytest.raises(InputError, match="has no column 'w', a covariate that the model was trained with"):
        data.with_covariates(["w"])


def test_covariates_that_count_rows_can_be_left_out() -> None:
    data = panel(pd.DataFrame(rows(z=[0.5, 1, 1, 2, 3, 5])))
    assert data.counters == ("x",)
    left = data.without_counters()
    assert left.covariates == ("z",)
    assert left.counters == ("x",)
    assert panel(pd.DataFrame(rows()), covariate_columns=["x"]).without_counters().covariates == ("x",)


def test_series_of_one_row_have_no_frequency() -> None:
    data = panel(pd.DataFrame({"unique_id": ["a", "b"], "ds": [0, 5], "y": [1, 2]}))
    assert data.frequency is None
    with pytest.raises(
        InputError, match="series 'a' has 1 row \\(and 1 other series is too short\\) where 9 are needed"
    ):
        data.need(9, "the window")


DAYS = rows()["ds"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ds": [*DAYS[:5], DAYS[1]]},
            "^f.csv, row 6: series 'a' already has the time 2024-01-01 in row 2 of column 'ds': keep one of the two$",
        ),
        (
            {"ds": [datetime.date(2024, 12, 4), *DAYS[1:]]},
            "^f.csv: series 'b' has 3 rows where 339 steps of 1 day lie between its first and its last: resample",
        ),
        (
            {"ds": [8, 0, 0, 2, 2, 3]},
            "^f.csv, row 6: series 'a' goes from 2 to 3 where one step is 2 steps: resample",
        ),
        ({"y": ["1", "2", "3", "4", "5", "six"]}, "^f.csv, column 'y', row 6: 'six' is no number"),
        ({"y": [None, 2.0, None, 4.0, None, 6.0]}, "^f.csv: series 'b' has no value in column 'y'"),
        ({"x": [1.0, 2.0, 3.0, 4.0, float("inf"), 6.0]}, "^f.csv, column 'x', row 5 has an infinite value"),
        (
            {"unique_id": ["b", "a", "b", "a", None, "a"]},
            "^f.csv, column 'unique_id', row 5 has no value: name the series",
        ),
    ],
)
def test_bad_tables(kind: str, changes: dict[str, list], message: str) -> None:
    with pytest.raises(InputError, match=message):
        panel(KINDS[kind](rows(**changes)), source="f.csv")
