"""Networks judged together, against one network after another, step by step, on the native core."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.cells import get
from keepgate.native import Stepper
from keepgate.tasks.evolino.candidates import BLOCK, LEAST, Candidates
from keepgate.tasks.evolino.readout import pseudo_inverse

EQUATIONS = get("lstm").equations
SERIES = [np.sin(0.3 * np.arange(60)), np.cos(0.2 * np.arange(45))]


def judge(**options):
    return Candidates(EQUATIONS, 4, SERIES, 10, pseudo_inverse, **options)


def drawn(count=3):
    size = judge().population(1, 1).size
    return (0.3 * np.random.default_rng(0).standard_normal((count, size))).astype(np.float32)


def alone(weights):
    """Read both series with a stepper, solve by NumPy's pseudo-inverse, run freely; return the free runs."""
    candidates = judge()
    given = candidates.population(1, 1).views(weights[None].astype(float))
    stepper = Stepper(EQUATIONS, 1, 4, {name: value[0] for name, value in given.items()}, 1, np.float64)
    states, begun = [], []
    for one in SERIES:
        stepper.reset()
        rows = []
        for t, value in enumerate(one):
            if t == 10:
                begun.append(stepper.state)
            rows.append(stepper.step(np.array([value])).copy())
        states.append(np.array(rows))
    x = np.concatenate([np.c_[s[10:-1], np.ones(len(s) - 11)] for s in states])
    w = np.linalg.pinv(x) @ np.concatenate([one[11:] for one in SERIES])
    runs = []
    for one, state in zip(SERIES, begun, strict=True):
        stepper.state, y, run = state, one[10], []
        for _ in one[11:]:
            y = float(np.append(stepper.step(np.array([y])), 1.0) @ w)
            run.append(y)
        runs.append(np.array(run))
    return runs


def test_the_fitness_is_that_of_each_network_alone():
    weights = drawn()
    for row, found in zip(weights, judge().fitness(weights), strict=True):
        logs = []
        for run, one in zip(alone(row), SERIES, strict=True):
            squares = np.square(run - one[11:])
            blocks = np.array([part.mean() for part in np.array_split(squares, len(squares) // BLOCK)])
            logs.append(np.log10(blocks + LEAST).mean())
        assert found == pytest.approx(-np.mean(logs), rel=1e-3)


def test_fitness_does_not_depend_on_what_is_beside():
    weights = drawn(5)
    whole = judge(free_run=8, starts=3).fitness(weights)
    assert whole.tolist() == [
        *judge(free_run=8, starts=3).fitness(weights[:2]),
        *judge(free_run=8, starts=3).fitness(weights[2:]),
    ]


def test_free_runs_begin_where_the_rows_allow():
    assert judge(free_run=8, starts=3).begins().tolist() == [[10, 30, 51], [10, 23, 36]]
    assert judge().begins().tolist() == [[10], [10]]
    assert judge(free_run=1000).steps(60) == 49


def test_a_network_that_is_no_number_is_the_worst():
    weights = drawn()
    weights[1] = np.nan
    weights[2] = 1e30
    found = judge().fitness(weights)
    assert np.isfinite(found).all()
    assert found.argmin() == 1


def test_a_series_is_continued_as_it_is_run():
    weights = drawn(1)
    candidates = judge()
    outputs = candidates.forced(weights).weights[0]
    whole = Candidates(EQUATIONS, 4, [one[:11] for one in SERIES], 10, pseudo_inverse)
    for k, run in enumerate(alone(weights[0])):
        found = whole.continued(weights[0], outputs, len(run))[k]
        assert found[:20] == pytest.approx(run[:20], rel=1e-4, abs=1e-5)
