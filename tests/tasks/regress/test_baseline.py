"""The baseline: summaries by hand, and what ridge regression finds of them."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.tasks.regress.baseline import SUMMARIES, ridge, summaries


def test_summaries_are_what_they_are_called():
    found = summaries([np.array([[1.0, 0], [4, 0], [-2, 0]]), np.array([[3.0, 5]])])
    assert found.shape == (2, 2 * len(SUMMARIES) + 1)
    assert found[0, ::2] == pytest.approx([1, np.sqrt(6), -2, 4, 1, -2, 4.5, 3])
    assert found[1].tolist() == [3, 5, 0, 0, 3, 5, 3, 5, 3, 5, 3, 5, 0, 0, 1]


def test_what_is_linear_in_the_summaries_is_found():
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(rng.integers(3, 20), 2)) * rng.uniform(0, 5) for _ in range(200)]
    truth = rng.normal(size=(3, 2 * len(SUMMARIES) + 1))
    targets = summaries(values) @ truth.T + [1, 2, 3]
    weights, constants = ridge(values, targets)
    np.testing.assert_allclose(summaries(values) @ weights.T + constants, targets, atol=0.02 * targets.std())
