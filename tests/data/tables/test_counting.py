from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.tables.counting import row_counters

CODES = np.array([0, 0, 0, 1, 1, 1, 1])
ORDER = np.arange(7)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([0, 1, 2, 3, 4, 5, 6], True),
        ([1, 2, 3, 4, 5, 6, 7], True),
        ([0, 1, 2, 0, 1, 2, 3], True),
        ([1, 2, 3, 1, 2, 3, 4], True),
        ([2, 3, 4, 5, 6, 7, 8], False),  # begins at neither 0 nor 1
        ([0, 1, 2, 1, 2, 3, 4], False),
        ([0, 1, 2, 3, 4, 5, 7], False),
        ([0, 2, 4, 6, 8, 10, 12], False),
        ([6, 5, 4, 3, 2, 1, 0], False),
        ([0, 0, 0, 0, 0, 0, 0], False),
        ([np.nan, 1, 2, 3, 4, 5, 6], False),
        ([0, 1, np.nan, 3, 4, 5, 6], False),
    ],
)
def test_by_hand(values, counts):
    assert row_counters({"n": np.array(values, float)}, CODES, ORDER) == (["n"] if counts else [])


def test_within_a_series_it_counts_by_time_in_whatever_order_the_rows_are():
    order = np.array([2, 0, 1, 6, 5, 4, 3])
    values = np.empty(7)
    values[order] = [0, 1, 2, 0, 1, 2, 3]
    assert row_counters({"n": values, "y": values**2 + 5}, CODES, order) == ["n"]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_count_by_accident(rows):
    assert row_counters({"n": np.arange(rows, dtype=float)}, np.zeros(rows, int), np.arange(rows)) == []


def test_series_of_two_rows_count_by_accident_too():
    codes = np.array([0, 0, 1, 1])
    assert row_counters({"n": np.array([0.0, 1, 0, 1])}, codes, np.arange(4)) == []
    assert row_counters({"n": np.array([0.0, 1, 2, 3])}, codes, np.arange(4)) == ["n"]
