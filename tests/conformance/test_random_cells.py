"""Cells that nobody has thought of, on every engine that runs here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from conformance.engines import HERE, run
from conformance.random_cells import RandomCell, cells, settings
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close


def check(engine: str, cell: RandomCell, setting: Setting) -> None:
    tried = problem("random", cell.equations, setting)
    got, wanted = run(engine, tried), solve(tried)
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)
    assert_all_close("gradient of", got.gradients, wanted.gradients)


@pytest.mark.parametrize("engine", HERE)
@hypothesis_settings(max_examples=150, deadline=None, derandomize=True)
@given(cell=cells(), setting=settings())
def test_random_cells(engine: str, cell: RandomCell, setting: Setting):
    check(engine, cell, setting)


@pytest.mark.slow
@pytest.mark.parametrize("engine", HERE)
@hypothesis_settings(max_examples=1000, deadline=None, derandomize=True)
@given(cell=cells(rows=30), setting=settings())
def test_random_long_cells(engine: str, cell: RandomCell, setting: Setting):
    check(engine, cell, setting)
