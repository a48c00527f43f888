"""Generalised advantages, against the definition, and values that learning finds."""

import numpy as np
import pytest
import torch

from keepgate.training.policy.advantages import advantages
from keepgate.training.policy.rollout import Rollout


def window(steps=7, rows=3, seed=0):
    random = np.random.default_rng(seed)
    empty = torch.zeros(0)
    over = random.random((steps, rows)) < 0.3
    valid = np.ones_like(over)
    valid[1:] = ~(over[:-1] & (random.random((steps - 1, rows)) < 0.5))
    over &= valid
    reward, value, following = random.normal(size=(3, steps, rows))
    return Rollout(np.zeros(0), *[empty] * 5, reward, over, valid, value, following)


def by_definition(given, discount, trace):
    """The sum over k of (discount trace)^k times the error k steps later, up to the end of the episode."""
    found = np.zeros_like(given.reward)
    steps, rows = found.shape
    for row in range(rows):
        for t in np.flatnonzero(given.valid[:, row]):
            for k in range(steps - t):
                s = t + k
                error = given.reward[s, row] + discount * given.following[s, row] - given.value[s, row]
                found[t, row] += (discount * trace) ** k * error
                if given.over[s, row]:
                    break
    return found


@pytest.mark.parametrize(("discount", "trace"), [(0.9, 0.8), (1.0, 1.0), (0.5, 0.0)])
def test_they_are_the_sums_of_the_definition(discount, trace):
    given = window()
    np.testing.assert_allclose(advantages(given, discount, trace), by_definition(given, discount, trace), atol=1e-12)


def test_with_trace_1_they_are_returns_less_values():
    given = window(seed=1)
    given.over[:], given.valid[:] = False, True
    given.following[:-1] = given.value[1:]
    returns = given.following[-1]
    for t in reversed(range(len(given.reward))):
        returns = given.reward[t] + 0.9 * returns
    np.testing.assert_allclose(advantages(given, 0.9, 1.0)[0], returns - given.value[0], atol=1e-12)


def test_what_a_row_without_a_step_says_changes_nothing():
    given, other = window(seed=2), window(seed=2)
    dead = ~given.valid
    assert dead.any()
    other.reward[dead], other.value[dead], other.following[dead] = 1e6, -1e6, np.pi
    assert (advantages(given, 0.9, 0.9) == advantages(other, 0.9, 0.9)).all()
