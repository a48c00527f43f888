"""Several targets of a series become series that read each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.panel import TARGET
from keepgate.data.tables.reading import panel, with_future
from keepgate.errors import InputError

NAN = np.nan


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unique_id": [*"aaabbbb"],
            "ds": [0, 1, 2, 5, 6, 7, 8],
            "load": [1.0, 2, NAN, 4, 5, 6, NAN],
            "heat": [10.0, NAN, 30, NAN, 50, 60, 70],
            "wind": [0.0, 1, 0, 1, 0, 1, 0],
            "plan": [1.0, 2, 3, 4, 5, 6, 7],
        }
    )


def read(given: pd.DataFrame, **options):
    return panel(given, target_columns=["load", "heat"], known_columns=["plan"], **options)


def test_each_target_is_a_series_that_reads_all() -> None:
    data = read(table())
    assert data.keys == ["a: load", "a: heat", "b: load", "b: heat"]
    assert data.ids.to_list() == [*"aabb"]
    assert data.starts.tolist() == [0, 3, 6, 10, 14]  # from the first row with a target to the last
    assert data.names == ("unique_id", "ds", "load, heat", "load", "heat", "wind")
    assert data.covariates == ("load", "heat", "wind")
    assert data.statics == {TARGET: ["load", "heat", "load", "heat"]}
    np.testing.assert_array_equal(data.values[:3], [[1, 1, 10, 0], [2, 2, NAN, 1], [NAN, NAN, 30, 0]])
    np.testing.assert_array_equal(data.values[3:6, 0], [10, NAN, 30])
    np.testing.assert_array_equal(data.values[3:6, 1:], data.values[:3, 1:])
    assert data.plan[:, 0].tolist() == [1, 2, 3] * 2 + [4, 5, 6, 7] * 2
    one = data.of("heat")
    assert one.keys == ["a: heat", "b: heat"]
    assert one.times.tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert data.target_names == ("load", "heat")


def test_columns_of_a_table_by_target() -> None:
    values = np.arange(4 * 2 * 2).reshape(4, 2, 2)  # series, rows, numbers
    columns = read(table()).by_target(lambda name: [f"{name} 1", f"{name} 2"], values)
    assert {name: column.tolist() for name, column in columns.items()} == {
        "load 1": [0, 2, 8, 10],
        "load 2": [1, 3, 9, 11],
        "heat 1": [4, 6, 12, 14],
        "heat 2": [5, 7, 13, 15],
    }


def test_what_is_known_ahead_is_known_of_all_targets() -> None:
    future = pd.DataFrame({"unique_id": [*"ab"], "ds": [3, 9], "plan": [8.0, 9.0]})
    assert with_future(read(table()), future).ahead[:, :, 0].tolist() == [[8], [8], [9], [9]]


def test_one_series_is_named_by_all_and_one_target_is_no_list() -> None:
    alone = table().query("unique_id == 'a'").drop(columns="unique_id")
    assert set(read(alone).ids.to_list()) == {"load, heat"}
    one = panel(table(), target_columns=["load"], covariate_columns=["wind"])
    assert (one.targets, one.names) == ((), ("unique_id", "ds", "load", "wind"))
    again = panel(table(), target_columns=["load", "heat"], covariate_columns=["load", "heat", "wind"])
    assert again.covariates == ("load", "heat", "wind")


def test_a_target_without_a_value_is_named() -> None:
    given = table()
    given.loc[given["unique_id"] == "b", "heat"] = NAN
    with pytest.raises(InputError, match="the table: series 'b' has no value in column 'heat': give some"):
        read(given)
    data = read(given, skip_bad=True)
    assert data.keys == ["a: load", "a: heat"]
    assert len(data.skipped) == 1
    short = data.only(np.array([True, True]), "why")
    assert short.skipped == data.skipped
    with pytest.raises(InputError, match=r"the choice of columns has two columns 'load'|'load'"):
        panel(table(), target_columns=["load", "load"])
