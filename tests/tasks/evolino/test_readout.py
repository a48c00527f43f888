from __future__ import annotations

import functools

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler

from keepgate.tasks.evolino.readout import pseudo_inverse, support_vectors


def problem(noise=0.1):
    random = np.random.default_rng(0)
    states = random.standard_normal((200, 5)) * [1, 1e-3, 10, 1, 0.1]
    return states, states @ [1, 500, -0.2, 0, 3] + 2 + noise * random.standard_normal(200)


def test_the_pseudo_inverse_is_scikit_learns_linear_regression():
    states, targets = problem()
    own, other = pseudo_inverse(states, targets), LinearRegression().fit(states, targets)
    assert own[:-1] == pytest.approx(other.coef_, rel=1e-8)
    assert own[-1] == pytest.approx(other.intercept_, rel=1e-8)


def test_ridge_is_scikit_learns_on_standardised_columns():
    states, targets = problem()
    other = Ridge(alpha=0.3 * 200, solver="svd").fit(StandardScaler().fit_transform(states), targets)
    own = pseudo_inverse(states, targets, ridge=0.3)
    assert own[:-1] == pytest.approx(other.coef_ / states.std(0), rel=1e-8)
    assert own[-1] == pytest.approx(other.intercept_ - states.mean(0) @ own[:-1], rel=1e-8)


@pytest.mark.parametrize("solve", [pseudo_inverse, functools.partial(support_vectors, cost=100.0)])
def test_states_that_hardly_move_are_as_good_as_others(solve):
    states, targets = problem(noise=0.0)
    found = solve(0.3 + 1e-6 * states, targets)
    said = (0.3 + 1e-6 * states) @ found[:-1] + found[-1]
    assert said == pytest.approx(targets, abs=0.05)


def test_support_vectors_find_the_map_and_leave_outliers_alone():
    states, targets = problem(noise=0.0)
    targets[::20] += 50
    found = support_vectors(states, targets, cost=100.0)
    assert found == pytest.approx([1, 500, -0.2, 0, 3, 2], abs=0.05, rel=0.05)
    assert abs(pseudo_inverse(states, targets)[-1] - 2) > 1


def test_a_state_that_never_moves_is_no_fault():
    states, targets = problem()
    states[:, 2] = 0.0
    assert np.isfinite(pseudo_inverse(states, targets)).all()
