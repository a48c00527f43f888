"""States by name, of a stepper and of a population: a copy is given, some are set, and what does not fit is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keepgate.cells import get
from keepgate.errors import InputError
from keepgate.native import Population, Stepper

LSTM = get("lstm").equations


def stepper() -> tuple[Any, tuple[int, ...]]:
    weights = {p.name: np.ones(p.shape, np.float32) for p in LSTM.parameters(2, 3)}
    return Stepper(LSTM, 2, 3, weights, 4), (4, 3)


def population() -> tuple[Any, tuple[int, ...]]:
    networks = Population(LSTM, 2, 3, 1, networks=5, rows=4)
    networks.load(np.ones((5, networks.size), np.float32))
    return networks, (5, 4, 3)


@pytest.fixture(params=[stepper, population])
def steps(request) -> tuple[Any, tuple[int, ...]]:
    return request.param()


def test_a_state_that_is_set_is_gone_on_from(steps):
    one, shape = steps
    x = np.ones((*shape[:-1], 2), np.float32)
    first = one.step(x).copy()
    middle = one.state
    second = one.step(x).copy()
    assert (first != second).all()
    one.state = middle
    np.testing.assert_array_equal(one.step(x), second)


def test_what_is_given_is_a_copy(steps):
    one, shape = steps
    one.state["h"][:] = 7
    assert not one.state["h"].any()
    one.state = {"c": np.full(shape, 2.0)}
    assert (one.state["c"] == 2).all()
    assert not one.state["h"].any()


def test_what_does_not_fit_is_named(steps):
    one, shape = steps
    with pytest.raises(InputError, match="the cell has the states h, c, not z"):
        one.state = {"z": np.zeros(shape)}
    with pytest.raises(InputError, match=r"state h has shape \(2,\) of float64, expected"):
        one.state = {"h": np.zeros(2)}
