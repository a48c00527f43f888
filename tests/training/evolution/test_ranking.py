from __future__ import annotations

import numpy as np
import pytest

from keepgate.training.evolution.ranking import best_first, centered_ranks, utilities


def test_utilities_are_the_papers_numbers_for_six():
    """Computed by hand: max(0, ln 4 - ln k) = 1.3863, 0.6931, 0.2877, 0, 0, 0, over their sum 2.3671, less 1/6."""
    expected = np.array([0.585645, 0.292823, 0.121532, 0, 0, 0]) - 1 / 6
    fitness = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    assert utilities(fitness) == pytest.approx(expected, abs=2e-6)
    assert utilities(fitness[::-1]) == pytest.approx(expected[::-1], abs=2e-6)


def test_only_the_order_counts():
    fitness = np.array([3.0, -np.inf, 0.5, 0.1])
    for values in (utilities, centered_ranks):
        assert values(fitness).tolist() == values(np.array([1e30, -7.0, 2.0, 1.0])).tolist()
        assert values(fitness).sum() == pytest.approx(0, abs=1e-12)


def test_equals_are_worth_the_same():
    assert centered_ranks(np.array([1.0, 2.0, 2.0])).tolist() == [-0.5, 0.25, 0.25]
    assert utilities(np.full(7, 3.0)) == pytest.approx(np.zeros(7), abs=1e-12)


def test_of_equal_ones_the_earlier_is_first():
    assert best_first(np.array([1.0, 5.0, 5.0, -np.inf])).tolist() == [1, 2, 0, 3]
