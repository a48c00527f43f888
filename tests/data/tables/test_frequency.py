"""Frequencies are those of pandas: inferred from its ranges, continued as it continues them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.frequency import Frequency, infer

ALIASES = {  # pandas alias -> our words and the season
    "s": ("1 second", 60),
    "30s": ("30 seconds", 120),
    "min": ("1 minute", 60),
    "5min": ("5 minutes", 288),
    "10min": ("10 minutes", 144),
    "15min": ("15 minutes", 96),
    "h": ("1 hour", 24),
    "6h": ("6 hours", 4),
    "5h": ("5 hours", 1),
    "D": ("1 day", 7),
    "2D": ("2 days", 182),
    "B": ("1 business day", 5),
    "W-SUN": ("7 days", 52),
    "W-WED": ("7 days", 52),
    "2W": ("14 days", 26),
    "MS": ("1 month", 12),
    "ME": ("1 month", 12),
    "2ME": ("2 months", 6),
    "QS": ("3 months", 4),
    "QE-OCT": ("3 months", 4),
    "YS": ("12 months", 1),
    "YE": ("12 months", 1),
    "250us": ("250 microseconds", 1),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("start", ["2023-12-31 00:00:00", "2024-02-29 00:00:00", "2024-01-10 09:30:00"])
def test_as_pandas(alias: str, start: str) -> None:
    times = pd.date_range(start, periods=60, freq=alias).to_numpy().astype("datetime64[us]")
    frequency, steps = infer(times[:40], np.ones(39, dtype=bool))
    assert steps.tolist() == [1] * 39
    assert (str(frequency), frequency.season) == ALIASES[alias]
    assert (frequency.after(times[39], np.arange(1, 21)) == times[40:]).all()
    assert (frequency.after(times[39:59, None])[:, 0] == times[40:]).all()


@pytest.mark.parametrize("step", [1, 7])
def test_counted_steps(step: int) -> None:
    times = np.arange(5, 50, step)
    frequency, steps = infer(times, np.ones(len(times) - 1, dtype=bool))
    assert steps.tolist() == [1] * (len(times) - 1)
    assert frequency == Frequency("step", step)
    assert frequency.season == 1
    assert frequency.after(times[-1], np.arange(3)).tolist() == [times[-1] + k * step for k in range(3)]


@pytest.mark.parametrize("alias", ["h", "D", "B", "ME", "W", "YS"])
@pytest.mark.parametrize("gap", [1, 7, 38])
def test_a_row_that_is_missing(alias: str, gap: int) -> None:
    times = np.delete(pd.date_range("2024-03-01", periods=40, freq=alias).to_numpy().astype("datetime64[us]"), gap)
    frequency, steps = infer(times, np.ones(len(times) - 1, dtype=bool))
    assert str(frequency) == ALIASES.get(alias, ALIASES["W-SUN"])[0]
    assert steps.tolist() == [2 if row == gap else 1 for row in range(1, 39)]


@pytest.mark.parametrize("alias", ["h", "D", "B", "ME", "W", "YS"])
def test_a_row_between_two_steps(alias: str) -> None:
    times = pd.date_range("2024-03-01", periods=40, freq=alias).to_numpy().astype("datetime64[us]")
    times[7] += np.timedelta64(11, "m")
    steps = infer(times, np.ones(39, dtype=bool))[1]
    assert np.flatnonzero(steps == 0).tolist() == [6, 7]


@pytest.mark.parametrize(("alias", "seasons"), [("h", [24, 168]), ("15min", [96, 672]), ("D", [7]), ("YS", [])])
def test_every_plausible_season(alias: str, seasons: list[int]) -> None:
    times = pd.date_range("2024-03-01", periods=9, freq=alias).to_numpy().astype("datetime64[us]")
    assert infer(times, np.ones(8, dtype=bool))[0].seasons == seasons


def test_series_are_judged_together_but_not_across() -> None:
    """Five days of one week could be daily; the other series says that they are business days."""
    week = pd.date_range("2024-01-01", periods=5, freq="B").to_numpy()
    month = pd.date_range("2024-01-02", periods=20, freq="B").to_numpy()
    times = np.concatenate([week, month]).astype("datetime64[us]")
    same = np.arange(24) != 4
    frequency, steps = infer(times, same)
    assert (frequency, steps.tolist()) == (Frequency("business day", 1), [1] * 23)


def test_same_step() -> None:
    assert Frequency("month", 1).same_step(Frequency("month", 1, month_end=True))
    assert not Frequency("month", 1).same_step(Frequency("month", 3))
    assert not Frequency("day", 1).same_step(Frequency("business day", 1))
