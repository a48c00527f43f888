"""What a calendar says, against pandas and the library of holidays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.calendar import calendar_names, calendar_values
from keepgate.data.tables.frequency import Frequency
from keepgate.errors import InputError


def test_cycles_are_those_of_pandas() -> None:
    times = pd.date_range("2023-12-25", periods=400, freq="7h")
    found = calendar_values(times.to_numpy(), ["day", "week"])
    hour = 2 * np.pi * times.hour / 24
    week = 2 * np.pi * (times.day_of_week + times.hour / 24) / 7
    expected = [f(k * phase) for phase in (hour, week) for k in (1, 2) for f in (np.sin, np.cos)]
    np.testing.assert_allclose(found, np.stack(expected, -1), atol=1e-12)


def test_a_year_comes_round() -> None:
    times = np.array(["2023-03-01", "2024-03-01", "2023-09-01"], "datetime64[us]")
    first, again, half = calendar_values(times, ["year"])
    np.testing.assert_allclose(first, again, atol=0.03)
    assert first[:2] @ half[:2] < -0.9


@pytest.mark.parametrize(
    ("frequency", "rows", "window", "names"),
    [
        (Frequency("hour", 1), 24 * 30, 100, ["day", "week"]),
        (Frequency("hour", 1), 24 * 800, 100, ["day", "week", "year"]),
        (Frequency("day", 1), 30, 10, ["week"]),
        (Frequency("day", 1), 800, 56, ["week", "year"]),
        (Frequency("day", 1), 800, 400, ["week"]),
        (Frequency("month", 1), 60, 10, ["year"]),
        (Frequency("month", 12), 60, 10, []),
    ],
)
def test_only_cycles_that_rows_show_and_a_window_does_not(frequency, rows, window, names) -> None:
    times = frequency.after(np.datetime64("2020-01-01", "us"), np.arange(rows))
    assert calendar_names(frequency, times, window, None) == names
    assert calendar_names(Frequency("step", 1), np.arange(rows), window, "US") == []


def test_holidays() -> None:
    holidays = pytest.importorskip("holidays")
    times = pd.date_range("2024-01-01", periods=366, freq="D")
    found = calendar_values(times.to_numpy(), ["holidays DE"])[:, 0]
    assert found.tolist() == [float(day in holidays.Germany(years=2024)) for day in times.date]
    assert calendar_names(Frequency("day", 1), times.to_numpy(), 10, "DE")[-1] == "holidays DE"
    bavaria = calendar_values(times.to_numpy(), ["holidays DE-BY"])[:, 0]
    assert bavaria.tolist() == [float(day in holidays.Germany(years=2024, subdiv="BY")) for day in times.date]
    with pytest.raises(InputError, match="holidays='Atlantis' is no country that is known"):
        calendar_values(times.to_numpy(), ["holidays Atlantis"])
