"""The engines of this machine, as tests run them: only one that is for some cells alone may refuse, which skips."""

from __future__ import annotations

import pytest

from keepgate.testing import engines
from keepgate.testing.problems import Outcome, Problem

__all__ = ["HERE", "PARTIAL", "run"]

HERE = engines.here()
PARTIAL = ("cudnn",)  # engines that are for some cells alone; any other takes every problem of the suite


def run(engine: str, problem: Problem) -> Outcome:
    """Return the engine's outcome, on the CPU; skip the test where a partial engine says that it cannot."""
    outcome = engines.run(engine, problem)
    if isinstance(outcome, str):
        (pytest.skip if engine in PARTIAL else pytest.fail)(f"{engine} refuses: {outcome}")
    return outcome
