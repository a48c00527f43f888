from __future__ import annotations

import pytest
import torch

from keepgate import cells
from keepgate.cells import projected
from keepgate.equations import Cell, affine, tanh, vector
from keepgate.scan import Arguments
from keepgate.scan.arguments import hidden_size, shows_hidden, widths
from keepgate.testing.problems import Setting, problem

SPECIFICATIONS = ["lstm", "gru", "projected(lstm, 2)", "time_aware_lstm", "layer_norm(gru)", "peephole_lstm_full"]


@pytest.mark.parametrize("cell", SPECIFICATIONS)
def test_the_hidden_size_is_read_off_what_is_given(cell):
    tried = problem(cell, cells.get(cell).equations, Setting(inputs=7, hidden=5))
    assert shows_hidden(tried.equations)
    assert hidden_size(tried.equations, tried.parameters, tried.arguments) == 5
    assert widths(tried.equations, tried.parameters, tried.arguments)["input"] == 7


class Forgetful(Cell):
    """Projected, its only state has another width than H."""

    name = "forgetful"
    state = ("h",)

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x) + vector("v")))


@pytest.mark.parametrize("shown", [{"weight_ih": (5, 3)}, {"weight_hr": (2, 5)}, {"v": (5,)}])
def test_any_parameter_shows_what_the_state_does_not(shown):
    equations = projected(Forgetful(), 2).equations
    arguments = Arguments(x=torch.zeros(1, 1, 3), state={"h": torch.zeros(1, 2)}, hidden_size=7)
    parameters = {name: torch.zeros(shape) for name, shape in shown.items()}
    assert hidden_size(equations, parameters, arguments) == 5
    assert hidden_size(equations, {}, arguments) == 7


def test_a_gate_without_a_state_shows_it():
    class Bare(Cell):
        name = "bare"
        state = ("h",)

        def step(self, x, last):
            return self.State(h=affine("n", x))

    equations = Bare().equations
    arguments = Arguments(x=torch.zeros(1, 1, 2), state={"h": torch.zeros(1, 4)})
    assert hidden_size(equations, {}, arguments) == 4
