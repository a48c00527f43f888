from __future__ import annotations

import pytest
import torch

from keepgate import cells
from keepgate.scan import ENGINES
from keepgate.testing import engines
from keepgate.testing.problems import Setting, problem


def tried(**options):
    return problem("rnn", cells.get("rnn").equations, Setting(**options))


def test_the_engines_that_run_here():
    assert "reference" in engines.here()
    assert {name for name, engine in ENGINES.items() if engine.unavailable()} == {*ENGINES} - {*engines.here()}


def test_a_refusal_is_its_reason(monkeypatch):
    monkeypatch.setitem(ENGINES, "reference", ENGINES["reference"]._replace(refuses=lambda *given: "too late"))
    assert engines.run("reference", tried()) == "too late"


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_a_linear_scan_is_differentiated_by_hand(steps: int):
    """h' = h + x: the gradient of x at t is what later outputs and the final state have for a cotangent."""
    given = tried(steps=steps, inputs=3, hidden=3)

    def scan(equations, parameters, arguments):
        output = arguments.state["h"] + arguments.x.cumsum(0)
        final = output[-1] if steps else arguments.state["h"]
        return type("Result", (), {"recorded": {"h": output}, "state": {"h": final}})

    found = engines.differentiate(scan, given)
    later = given.d_output.flip(0).cumsum(0).flip(0) + given.d_final["h"]
    torch.testing.assert_close(found.gradients["x"], later)
    torch.testing.assert_close(found.gradients["initial h"], given.d_output.sum(0) + given.d_final["h"])
    assert not found.gradients["weight_ih"].any()  # unused: zero, not missing


def test_the_problem_keeps_its_tensors():
    given = tried()
    engines.run("reference", given)
    assert not given.arguments.x.requires_grad
    assert all(value.grad is None for value in given.parameters.values())
