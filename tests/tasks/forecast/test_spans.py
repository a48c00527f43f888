"""How far a forecaster looks back by default, and the seasons that series show."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.tables.frequency import Frequency
from keepgate.tasks.forecast.spans import default_patch, default_window, found_season


@pytest.mark.parametrize(
    ("frequency", "horizon", "length", "window", "patch"),
    [
        (Frequency("hour", 1), 24, 10_000, 504, 24),  # three weeks
        (Frequency("hour", 1), 24, 1_000, 144, 24),  # less where series are short, in whole days
        (Frequency("hour", 1), 24, 2_000, 168, 24),  # or weeks
        (Frequency("minute", 15), 96, 100_000, 1344, 96),  # two
        (Frequency("day", 1), 14, 1_000, 56, 7),
        (Frequency("day", 1), 60, 1_000, 119, 7),  # two horizons
        (Frequency("day", 7), 13, 1_500, 156, 20),
        (Frequency("month", 1), 12, 600, 48, 12),
        (Frequency("step", 1), 13, 1_000, 104, 13),
        (Frequency("day", 1), 5, 30, 6, 1),  # more than the horizon
    ],
)
def test_windows_see_what_repeats(frequency, horizon, length, window, patch) -> None:
    found = default_window(frequency.season, frequency, horizon, np.array([length, length, 1]))
    assert found == window
    assert default_patch(frequency.season, found) == patch


@pytest.mark.parametrize("season", [4, 11, 24])
def test_a_season_is_found_in_the_values(season: int) -> None:
    random = np.random.default_rng(0)
    rows = np.arange(240)
    series = [k * rows + 5 * np.sin(2 * np.pi * rows / season + k) + random.normal(size=240) for k in range(3)]
    assert found_season(series) == season


def test_no_season_is_found_where_there_is_none() -> None:
    random = np.random.default_rng(0)
    assert found_season([random.normal(size=300)]) == 1
    assert found_season([np.cumsum(random.normal(size=300)) for _ in range(20)]) == 1
    assert found_season([np.zeros(100), np.arange(3.0)]) == 1


def test_of_a_season_and_its_multiples_the_season_is_found() -> None:
    """Every fourth year is a little alike, so that the peak of four years is the highest."""
    random, months = np.random.default_rng(0), np.arange(480)
    y = 3 * np.sin(2 * np.pi * months / 12) + 0.6 * np.sin(2 * np.pi * months / 48) + 0.2 * random.normal(size=480)
    assert found_season([y]) == 12
