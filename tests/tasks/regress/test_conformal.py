"""Quantiles moved to where they are right: ranks by hand, and the coverage that the theorem promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from keepgate import SequenceRegressor
from keepgate.tasks.regress.conformal import conformal_shift


def test_a_quantile_moves_by_the_rank_of_what_is_above_it():
    targets = np.array([[3.0], [1.0], [4.0], [2.0]])  # 0.8 * 5 = rank 4, 0.2 * 5 = rank 1
    shift = conformal_shift((0.2, 0.5, 0.8), np.zeros((4, 3, 1)), targets)
    assert shift.tolist() == [[1], [3], [4]]
    assert conformal_shift((0.01, 0.99), np.zeros((4, 2, 1)), targets).tolist() == [[1], [4]]  # too few to tell


def test_each_number_moves_by_itself():
    targets = np.stack([np.arange(9.0), -10 * np.arange(9.0)], 1)
    assert conformal_shift((0.9,), np.zeros((9, 1, 2)), targets).tolist() == [[8, 0]]


@pytest.mark.parametrize("count", [9, 39])
def test_new_numbers_are_between_as_often_as_promised(count):
    random, inside = np.random.default_rng(0), []
    for _ in range(2_000):
        width = random.uniform(0.5, 2, (count + 1, 1))
        y = width * random.normal(size=(count + 1, 1))
        wrong = np.stack([-width, 0.3 * width], 1)  # far from the quantiles, but as wide
        low, high = (wrong[-1] + conformal_shift((0.1, 0.9), wrong[:-1], y[:-1]))[:, 0]
        inside.append(low <= y[-1, 0] <= high)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)  # 0.8 to 0.8 + 2 / (N + 1): both ranks are whole here


def uneven(count, seed):
    """Return series whose first step is the mean of a number, and whose second channel says how far it spreads."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, 12, 2))
    X[..., 1] = random.uniform(-1, 1, (count, 1))
    spread = np.exp(X[:, -1, 1])
    return X, X[:, 0, 0] + spread * random.normal(size=count), spread


@pytest.mark.slow
def test_intervals_of_uneven_noise_cover_what_they_say_and_are_as_wide_as_the_noise():
    inside, ratios = [], []
    small = {"hidden_size": 16, "epochs": 15, "convolutions": False, "learning_rate": 0.01, "progress": False}
    for seed in range(3):
        X, y, _ = uneven(400, seed)
        model = SequenceRegressor(quantiles=(0.1, 0.9), **small, seed=seed).fit(X, y)
        X, y, spread = uneven(1_000, seed + 100)
        low, high = model.predict_quantiles(X).T
        inside.append(np.mean((low <= y) & (y <= high)))
        ratios.append((high - low)[spread > 2].mean() / (high - low)[spread < 0.5].mean())
    # At least what they say; a little more, for what was asked to move them had learned two thirds of the series.
    assert 0.78 <= np.mean(inside) <= 0.86, inside
    assert np.mean(ratios) > 2, ratios  # the noise is 5.9 times as wide
    assert norm.ppf(0.9) * 2 * 0.5 < (high - low).mean() < norm.ppf(0.9) * 2 * 4
