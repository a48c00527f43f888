"""Windows of series, each on its own scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.panel import Panel, panel
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast.examples import Windows, deviations, rows_from, window_starts


def two_series() -> Panel:
    y = [0.0, 1, 4, 9, 16, 25, 100, 104, 96, 100, 112]
    return panel(pd.DataFrame({"unique_id": list("aaaaaabbbbb"), "ds": [*range(6), *range(5)], "y": y}))


def test_windows_stay_within_their_series() -> None:
    starts, series = window_starts(two_series(), 4)
    assert starts.tolist() == [0, 1, 2, 6, 7]
    assert series.tolist() == [0, 0, 0, 1, 1]
    assert window_starts(two_series(), 6)[0].tolist() == [0]
    assert rows_from(np.arange(10), np.array([2, 5]), 3).tolist() == [[2, 3, 4], [5, 6, 7]]


def test_examples_are_what_the_formulas_say() -> None:
    data = two_series()
    examples = Windows(data, 3, 1, deviations(data), batch_size=1, updates=(0, 100))
    z, weight, target = examples.batch([1, 3])
    for row, (past, future, series) in enumerate(
        [([1, 4, 9], 16, data.values[:6]), ([100, 104, 96], 100, data.values[6:])]
    ):
        mean, spread, deviation = np.mean(past), np.std(past), np.std(series)
        np.testing.assert_allclose(z[row, :, 0], (np.array(past) - mean) / spread, rtol=1e-6)
        np.testing.assert_allclose(weight[row, 0], spread / deviation, rtol=1e-6)
        np.testing.assert_allclose(target[row, 0], (future - mean) / deviation, rtol=1e-6, atol=1e-7)


def test_constant_windows_and_series() -> None:
    z, mean, spread = window_norm(np.full((1, 5, 1), 0.1))
    assert not z.any()
    assert (mean[0, 0, 0], spread[0, 0, 0]) == (pytest.approx(0.1), 0)
    flat = panel(pd.DataFrame({"unique_id": "a", "ds": range(5), "y": 0.1}))
    assert deviations(flat).tolist() == [1]


@pytest.mark.parametrize(("updates", "size"), [((0, 1000), 5), ((4, 1000), 8), ((0, 2), 4)])
def test_an_epoch_has_neither_too_few_updates_nor_too_many(updates: tuple[int, int], size: int) -> None:
    """Of 5 windows and batches of 2: all; all and again; some, evenly spread."""
    examples = Windows(two_series(), 3, 1, np.ones(2), batch_size=2, updates=updates)
    assert len(examples) == size
    first = examples.batch(np.arange(size))[0][:, 0, 0]
    assert len(set(first.tolist())) == min(size, 5)


def test_fingerprints_differ_with_the_data() -> None:
    data = two_series()
    same = [Windows(data, 3, 1, np.ones(2), 2).fingerprint() for _ in range(2)]
    others = [
        Windows(data, 2, 1, np.ones(2), 2),
        Windows(data, 3, 2, np.ones(2), 2),
        Windows(data, 3, 1, np.full(2, 2.0), 2),
    ]
    assert len({*same, *(other.fingerprint() for other in others)}) == 4
