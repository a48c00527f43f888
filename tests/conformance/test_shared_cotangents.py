"""Values that enter a step only together, and so have one cotangent between them; where rows start afresh, too."""

from __future__ import annotations

import pytest
import torch

from conformance.engines import HERE, run
from keepgate.equations import Cell, affine, step_input, tanh, vector
from keepgate.nn import Recurrent
from keepgate.scan import ENGINES
from keepgate.testing.checks import function_of_leaves
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close


class Sum(Cell):
    """Two states as their sum."""

    state = ("h", "c")

    def step(self, x, last):
        n = affine("n", x) * tanh(last.h + last.c)
        return self.State(h=n, c=0.5 * n)


class Triple(Cell):
    """Three states as their sum, and a difference."""

    state = ("h", "c", "m")

    def step(self, x, last):
        n = affine("n", x) * tanh(last.h + last.c + last.m)
        return self.State(h=n, c=0.5 * n, m=last.c - last.m)


class WithStepInput(Cell):
    """A state and a step input of its width as their sum."""

    def step(self, x, last):
        return self.State(h=affine("n", x) * tanh(last.h + step_input("t", "hidden")))


class Everything(Cell):
    """Two states, two step inputs and a vector as one sum."""

    state = ("h", "c")

    def step(self, x, last):
        given = step_input("t", "hidden") + step_input("u", "hidden")
        n = affine("n", x) * tanh(last.c + given + vector("v", 0.5) + last.h)
        return self.State(h=n, c=0.5 * n)


class OfX(Cell):
    """A step input that is multiplied as x is, in a sum of its own with a state."""

    state = ("h", "c")

    def step(self, x, last):
        n = tanh(affine("n", x) + last.h + last.c + step_input("t", "hidden"))
        return self.State(h=n, c=0.5 * n * last.h)


class Swapped(Cell):
    """Each state becomes the other, plus the same."""

    state = ("h", "c")

    def step(self, x, last):
        n = tanh(affine("n", x))
        return self.State(h=last.c + n, c=last.h + n)


class Raw(Cell):
    """A state is handed on as it is, and another is the sum of both."""

    state = ("h", "c")

    def step(self, x, last):
        return self.State(h=last.h + last.c, c=last.h)


class Twice(Cell):
    """One value in two states, which are read as their sum."""

    state = ("h", "c")

    def step(self, x, last):
        n = tanh(affine("n", x) + (last.h + last.c))
        return self.State(h=n, c=n)


CELLS = {made.__name__: made() for made in (Sum, Triple, WithStepInput, Everything, OfX, Swapped, Raw, Twice)}
SETTINGS = {
    "plain": Setting(steps=4, batch=4),
    "resets": Setting(steps=6, batch=4, resets=True),
    "reverse and lengths": Setting(steps=4, batch=4, lengths=(3, 0, 4, 1), reverse=True),
    "reverse, resets and lengths": Setting(steps=6, batch=4, lengths=(3, 0, 6, 1), resets=True, reverse=True),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_as_the_reference_and_the_equations(engine: str, cell: str, setting: str):
    tried = problem(f"{cell}, {setting}", CELLS[cell].equations, SETTINGS[setting])
    got = run(engine, tried)
    for wanted in (run("reference", tried), solve(tried)):
        assert_close("output", got.output, wanted.output)
        assert_all_close("final", got.final, wanted.final)
        assert_all_close("gradient of", got.gradients, wanted.gradients)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_as_the_difference_quotient(engine: str, cell: str, setting: str):
    tried = problem(f"{cell}, {setting}", CELLS[cell].equations, SETTINGS[setting])
    if reason := ENGINES[engine].refuses(tried.equations, tried.parameters, tried.arguments):
        pytest.skip(f"{engine} refuses: {reason}")
    function, leaves = function_of_leaves(tried, ENGINES[engine].run)
    assert torch.autograd.gradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-6, fast_mode=True)


@pytest.mark.parametrize("backend", [name for name in HERE if name != "reference"])
def test_a_bidirectional_layer_with_lengths(backend: str):
    """The initial states of its backward direction are those before the last step of each row."""
    gradients = {}
    for name in (backend, "reference"):
        torch.manual_seed(0)
        layer = Recurrent(Sum(), 3, 5, bidirectional=True, backend=name, dtype=torch.float64)
        states = [torch.randn(2, 4, 5, dtype=torch.float64).requires_grad_() for _ in range(2)]
        x = torch.randn(6, 4, 3, dtype=torch.float64)
        output, _ = layer(x, tuple(states), lengths=torch.tensor([6, 2, 0, 3]))
        gradients[name] = torch.autograd.grad((output * torch.randn_like(output)).sum(), states)
    for got, wanted in zip(gradients[backend], gradients["reference"], strict=True):
        assert_close("gradient of an initial state", got, wanted)
        assert wanted[1, :2].any()
