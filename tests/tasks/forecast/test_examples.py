"""Windows of series, each on its own scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.calendar import calendar_values
from keepgate.data.tables.frequency import Frequency
from keepgate.data.tables.panel import Panel
from keepgate.data.tables.reading import panel
from keepgate.errors import InputError
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast.examples import Prepared, Windows, cuts
from keepgate.tasks.forecast.reads import Reads, deviations

STEP = Frequency("step", 1)


def two_series() -> Panel:
    y = [0.0, 1, 4, 9, 16, 25, 100, 104, 96, 100, 112]
    return panel(pd.DataFrame({"unique_id": list("aaaaaabbbbb"), "ds": [*range(6), *range(5)], "y": y}))


def reads(window: int, horizon: int, **changes) -> Reads:
    return Reads(**{"horizon": horizon, "window": window, "patch": 1, "season": 1, "frequency": STEP, **changes})


def windows(data: Panel, window: int, horizon: int, scale: np.ndarray, batch: int, updates=(0, 1000)) -> Windows:
    lead = np.full(len(data.ids), window)
    return Windows(Prepared(data, reads(window, horizon)), lead, scale, batch, updates)


def test_forecasts_begin_within_their_series() -> None:
    cut, series = cuts(two_series(), np.array([3, 3]), 1)
    assert cut.tolist() == [3, 4, 5, 9, 10]
    assert series.tolist() == [0, 0, 0, 1, 1]
    assert cuts(two_series(), np.array([4, 4]), 2)[0].tolist() == [4]


def test_examples_are_what_the_formulas_say() -> None:
    data = two_series()
    examples = windows(data, 3, 1, deviations(data, reads(3, 1))[:, 0], 1)
    given, weight, target, level = examples.batch([1, 3])
    for row, (past, future, series) in enumerate(
        [([1, 4, 9], 16, data.values[:6]), ([100, 104, 96], 100, data.values[6:])]
    ):
        mean, spread, deviation = np.mean(past), np.std(past), np.std(series)
        unit = np.sqrt(spread * deviation)
        np.testing.assert_allclose(given["normalized"][row, :, 0], (np.array(past) - mean) / spread, rtol=1e-6)
        np.testing.assert_allclose(weight[row, 0], spread / unit, rtol=1e-6)
        np.testing.assert_allclose(level[row], [mean, unit])
        np.testing.assert_allclose(target[row, 0], (future - mean) / unit, rtol=1e-6, atol=1e-7)


def test_a_window_before_its_series_repeats_the_first_row() -> None:
    data = Prepared(two_series(), reads(4, 2))
    given = data.given(np.array([2, 8]), np.array([0, 1]))
    assert given["window"][:, :, 0].tolist() == [[0, 0, 0, 1], [100, 100, 100, 104]]
    assert data.truth(np.array([2, 8])).tolist() == [[4, 9], [96, 100]]


def test_gaps_are_filled_told_and_never_a_target() -> None:
    y = np.arange(12.0)
    y[[3, 8, 9]] = np.nan
    data = Prepared(panel(pd.DataFrame({"unique_id": "a", "ds": range(12), "y": y})), reads(3, 2, gaps=True))
    given = data.given(np.array([5]), np.array([0]))
    assert given["window"][0].tolist() == [[2, 1], [2, 0], [4, 1]]
    examples = Windows(data, np.array([3]), np.ones(1), 4, (0, 10))
    assert 8 not in examples.cuts  # both values that follow are missing
    assert np.isnan(examples.numbers(np.arange(len(examples.cuts)))[2]).sum() == 3


def test_what_is_known_ahead_is_read_before_and_ahead() -> None:
    days = pd.date_range("2024-01-01", periods=10, freq="D")
    plan = np.arange(10.0) ** 2
    table = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.r_[np.sin(range(7)), [np.nan] * 3], "plan": plan})
    data = panel(table, known_columns=["plan"])
    what = reads(3, 2, frequency=data.frequency, known=("plan",), calendar=("week",), scales={"a": [7.0]})
    inside = Prepared(data, what).given(np.array([4]), np.array([0]))
    after = Prepared(data, what, ahead=True).given(np.array([7]), np.array([0]))
    for given, first in ((inside, 4), (after, 7)):
        assert given["before"][0, :, 0].tolist() == plan[first - 3 : first].tolist()
        week = calendar_values(days.to_numpy()[first : first + 2], ["week"])
        np.testing.assert_array_equal(given["ahead"][0], np.column_stack([plan[first : first + 2], week]))
        assert given["spread"].tolist() == [[[7.0]]]
    with pytest.raises(InputError, match="series 'a' has no value of 'plan' in row 4 after its end: give"):
        Prepared(data, reads(3, 4, known=("plan",)), ahead=True)


def test_attributes_are_numbers_and_new_ones_zero() -> None:
    table = pd.DataFrame({"unique_id": list("aabb"), "ds": [0, 1] * 2, "y": range(4), "region": [*"nn", *"ww"]})
    data = Prepared(panel(table, static_columns=["region"]), reads(2, 1, attributes={"region": ["e", "n"]}))
    assert data.codes.tolist() == [[2], [0]]


def test_constant_windows_and_series() -> None:
    z, mean, spread = window_norm(np.full((1, 5, 1), 0.1))
    assert not z.any()
    assert (mean[0, 0, 0], spread[0, 0, 0]) == (pytest.approx(0.1), 0)
    flat = panel(pd.DataFrame({"unique_id": "a", "ds": range(5), "y": 0.1}))
    assert deviations(flat, reads(3, 1)).tolist() == [[1]]
    _, weight, target, _ = windows(flat, 3, 1, np.ones(1), 1).batch([0, 1])
    assert weight.tolist() == [[0], [0]]
    np.testing.assert_allclose(target, 0, atol=1e-15)


@pytest.mark.parametrize(("updates", "size"), [((0, 1000), 5), ((4, 1000), 8), ((0, 2), 4)])
def test_an_epoch_has_neither_too_few_updates_nor_too_many(updates: tuple[int, int], size: int) -> None:
    """Of 5 windows and batches of 2: all; all and again; some, evenly spread."""
    examples = windows(two_series(), 3, 1, np.ones(2), 2, updates)
    assert len(examples) == size
    first = examples.batch(np.arange(size))[0]["normalized"][:, 0, 0]
    assert len(set(first.tolist())) == min(size, 5)


def test_fingerprints_differ_with_the_data() -> None:
    data = two_series()
    same = [windows(data, 3, 1, np.ones(2), 2).fingerprint() for _ in range(2)]
    others = [
        windows(data, 2, 1, np.ones(2), 2),
        windows(data, 3, 2, np.ones(2), 2),
        windows(data, 3, 1, np.full(2, 2.0), 2),
    ]
    assert len({*same, *(other.fingerprint() for other in others)}) == 4
