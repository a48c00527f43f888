"""Stacked, bidirectional and batch-first layers of every cell on every engine, composed of one-layer oracles."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conformance.cells import CELLS
from conformance.engines import HERE, PARTIAL
from keepgate.errors import BackendError
from keepgate.nn import Recurrent
from keepgate.testing.engines import DEVICE
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Problem, Setting, problem
from keepgate.testing.tolerances import assert_close

LENGTHS = (4, 2, 0)
SETTING = Setting(steps=4, batch=3, inputs=3, hidden=4, lengths=LENGTHS)


class Stack:
    """Two bidirectional layers of one cell: forwards by oracles in turn, backwards by oracles in the opposite turn."""

    def __init__(self, cell: str) -> None:
        self.equations = CELLS[cell].equations
        low = self.draw(cell, SETTING)
        self.x, self.given = low[0].arguments.x, low[0].arguments.step_inputs
        low = [self.fed(p, self.x) for p in low]
        outputs = [solve(p).output for p in low]
        self.width = outputs[0].shape[-1]
        top = self.draw(cell, replace(SETTING, inputs=2 * self.width))
        self.layers = [low, [self.fed(p, torch.cat(outputs, -1)) for p in top]]

    def draw(self, cell: str, setting: Setting) -> list[Problem]:
        return [problem(f"{cell} {back}", self.equations, replace(setting, reverse=back)) for back in (False, True)]

    def fed(self, tried: Problem, x: torch.Tensor) -> Problem:
        return replace(tried, arguments=replace(tried.arguments, x=x, step_inputs=self.given))

    def solve(self) -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return the output, the final states and all gradients, named as by the module."""
        top = [solve(p) for p in self.layers[1]]
        d_hidden = sum(o.gradients["x"] for o in top).split(self.width, -1)
        low = [solve(replace(p, d_output=d)) for p, d in zip(self.layers[0], d_hidden, strict=True)]
        outcomes = [*low, *top]
        final = {name: torch.stack([o.final[name] for o in outcomes]) for name in self.equations.states}
        gradients = {"x": sum(o.gradients["x"] for o in low)}
        for name in self.equations.states:
            gradients[f"initial {name}"] = torch.stack([o.gradients[f"initial {name}"] for o in outcomes])
        for name in self.given:
            gradients[name] = sum(o.gradients[name] for o in outcomes)
        for outcome, suffix in zip(outcomes, SUFFIXES, strict=True):
            gradients |= {name + suffix: outcome.gradients[name] for name in self.layers[0][0].parameters}
        return torch.cat([o.output for o in top], -1), final, gradients


SUFFIXES = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_two_bidirectional_layers(engine: str, cell: str, batch_first: bool):
    stack = Stack(cell)
    problems = [p for layer in stack.layers for p in layer]
    options = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first, "backend": engine}
    layer = Recurrent(CELLS[cell], 3, 4, **options, dtype=torch.float64, device=DEVICE.get(engine))
    assert layer.eval().output_size == 2 * stack.width
    weights = {name + s: p.parameters[name] for p, s in zip(problems, SUFFIXES, strict=True) for name in p.parameters}
    layer.load_state_dict(weights, strict=True)

    def leaf(value: torch.Tensor) -> torch.Tensor:
        return value.detach().to(DEVICE.get(engine, "cpu")).requires_grad_()

    def turned(value: torch.Tensor) -> torch.Tensor:
        return value.transpose(0, 1) if batch_first else value

    x = leaf(stack.x)
    given = {name: leaf(value) for name, value in stack.given.items()}
    states = stack.equations.states
    hx = [leaf(torch.stack([p.arguments.state[name] for p in problems])) for name in states]
    try:
        output, final = layer(
            turned(x),
            tuple(hx) if len(hx) > 1 else hx[0],
            torch.tensor(LENGTHS),
            step_inputs={name: turned(value) for name, value in given.items()},
        )
    except BackendError as error:
        (pytest.skip if engine in PARTIAL else pytest.fail)(str(error))
    final = dict(zip(states, final if len(hx) > 1 else [final], strict=True))
    loss = (turned(output).cpu() * torch.cat([p.d_output for p in stack.layers[1]], -1)).sum()
    for name in states:
        loss = loss + (final[name].cpu() * torch.stack([p.d_final[name] for p in problems])).sum()
    leaves = {"x": x} | {f"initial {name}": h for name, h in zip(states, hx, strict=True)} | given
    leaves |= dict(layer.named_parameters())
    values = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)

    wanted_output, wanted_final, wanted = stack.solve()
    assert_close("output", turned(output).cpu(), wanted_output)
    for name in states:
        assert_close(f"final {name}", final[name].cpu(), wanted_final[name])
    for name, value in zip(leaves, values, strict=True):
        assert_close(f"gradient of {name}", value.cpu(), wanted[name])
