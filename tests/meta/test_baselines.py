from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from keepgate.meta import baselines

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(8, 3, 2)), RANDOM.normal(size=(8, 3, 2))
KINDS = RANDOM.integers(0, 3, (8, 3))


def test_ridge_regression_is_that_of_scikit_learn():
    said = baselines.ridge(X, Y)
    for t in (1, 3, 7):
        for b in range(3):
            features = np.concatenate([X[:, b], np.ones((8, 1))], 1)
            other = Ridge(baselines.RIDGE, fit_intercept=False).fit(features[:t], Y[:t, b])
            assert said[t, b] == pytest.approx(other.predict(features[t : t + 1])[0], abs=1e-6)


def test_the_nearest_neighbour_is_that_of_scikit_learn():
    said = baselines.nearest_neighbour(X, KINDS)
    for t in range(1, 8):
        for b in range(3):
            other = KNeighborsClassifier(1).fit(X[:t, b], KINDS[:t, b])
            assert said[t, b] == other.predict(X[t : t + 1, b])[0]


def test_the_last_value_is_that_before():
    said = baselines.last_value(Y)
    assert np.array_equal(said[1:], Y[:-1])
    assert said[0, 1] == pytest.approx(Y.reshape(-1, 2).mean(0))
    assert np.array_equal(baselines.last_value(KINDS)[1:], KINDS[:-1])


def test_squares_and_products_are_added():
    assert baselines.with_squares(np.array([2.0, 3.0])).tolist() == [2, 3, 4, 6, 9]


def test_a_perceptron_learns_from_the_examples_before_and_nothing_else():
    x = np.random.default_rng(1).uniform(-1, 1, (12, 4, 1))
    y = 2 * x
    said = baselines.perceptrons(x, y)
    assert np.square(said[10] - y[10]).mean() < 0.05 * y.var()
    assert np.isnan(said[[0, 3, 11]]).all()
    y[10] = 100.0  # the target itself, and what comes after
    other = baselines.perceptrons(x, np.where(np.arange(12)[:, None, None] == 10, 2 * x, y))
    assert np.array_equal(other[10], said[10])
