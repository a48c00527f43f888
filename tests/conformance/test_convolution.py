"""Cells whose maps are convolutions, on every engine: values and all gradients, as the program in NumPy gives them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conformance.cells import ABOVE_ZERO, CELLS
from conformance.engines import run
from keepgate.maps import Convolution
from keepgate.scan import reference
from keepgate.testing.checks import function_of_leaves
from keepgate.testing.engines import differentiate
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

HERE = ["reference"]
SMALL = Convolution(3)
PLAIN = Setting(steps=3, batch=2, inputs=2, hidden=3, space=(3, 4))
TRIED: dict[str, tuple[Convolution, Setting]] = {
    "one direction": (Convolution(3, 1), Setting(space=(7,))),
    "two": (SMALL, Setting(space=(4, 5))),
    "three": (Convolution(3, 3), Setting(steps=2, batch=2, inputs=2, space=(3, 2, 4))),
    "kernel of one place": (Convolution(1), Setting(space=(3, 4))),
    "kernel of five": (Convolution(5), Setting(steps=3, space=(5, 6))),
    "kernel of five, circular": (Convolution(5, padding="circular"), Setting(steps=2, space=(7, 3))),
    "kernel of five, one place": (Convolution(5), Setting(space=(1, 1))),
    "even kernel": (Convolution((2, 4)), Setting(space=(5, 4))),
    "kernel larger than the space": (Convolution((5, 7)), Setting(space=(2, 1))),
    "dilation": (Convolution(3, dilation=(2, 1)), Setting(space=(6, 5))),
    "circular": (Convolution((3, 4), padding="circular"), Setting(space=(3, 5))),
    "circular, dilation": (Convolution(3, 1, "circular", 3), Setting(space=(8,))),
    "three, circular": (Convolution((1, 3, 2), 3, "circular"), Setting(steps=2, space=(2, 3, 2))),
    "vectors of a place": (Convolution(3, space=(3, 4)), Setting(space=(3, 4))),
    "vectors of a place, lengths": (Convolution(3, space=(3, 4)), Setting(batch=4, space=(3, 4), lengths=(2, 0, 5, 3))),
    "many channels": (SMALL, Setting(steps=2, batch=2, inputs=33, hidden=17, space=(9, 17))),
    "one of each": (SMALL, Setting(steps=1, batch=1, inputs=1, hidden=1, space=(1, 1))),
    "no step": (SMALL, Setting(steps=0, space=(3, 4))),
    "no row": (SMALL, Setting(batch=0, space=(3, 4))),
    "no bias": (SMALL, Setting(bias=False, space=(3, 4))),
    "lengths": (SMALL, Setting(batch=5, space=(2, 3), lengths=(2, 5, 0, 1, 5))),
    "padding of NaN": (SMALL, Setting(batch=4, space=(2, 3), lengths=(4, 0, 5, 2), padding=torch.nan)),
    "reverse, resets and lengths": (
        SMALL,
        Setting(steps=9, batch=4, space=(2, 3), resets=True, lengths=(4, 9, 0, 7), reverse=True),
    ),
    "not contiguous": (SMALL, Setting(space=(3, 4), strided=True)),
    "single precision": (SMALL, Setting(hidden=17, space=(5, 6), dtype=torch.float32)),
    "kernel of five, single precision": (Convolution(5), Setting(hidden=17, space=(5, 6), dtype=torch.float32)),
    "training": (SMALL, Setting(seed=7, hidden=5, space=(3, 4))),
}
FEW = ("lstm", "peephole_lstm", "gru_cho", "projected(multiplicative_lstm, 5)", "layer_norm(lstm)", "everything")


def convolved(cell: str, product: Convolution, name: str, setting: Setting) -> Problem:
    tried = problem(f"{cell}, {name}", replace(CELLS[cell].equations, map=product), setting)
    for state in ABOVE_ZERO.get(cell, ()):
        tried.arguments.state[state].abs_().add_(0.5)
    return tried


def assert_conforms(engine: str, tried: Problem) -> None:
    got, wanted = run(engine, tried), solve(tried)
    assert_close("output", got.output, wanted.output)
    assert_all_close("final", got.final, wanted.final)
    assert_all_close("gradient of", got.gradients, wanted.gradients)


@pytest.mark.parametrize("name", TRIED)
@pytest.mark.parametrize("cell", FEW)
@pytest.mark.parametrize("engine", HERE)
def test_conforms(engine: str, cell: str, name: str):
    assert_conforms(engine, convolved(cell, TRIED[name][0], name, TRIED[name][1]))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", HERE)
def test_every_cell_and_modifier(engine: str, cell: str):
    assert_conforms(engine, convolved(cell, SMALL, "every", PLAIN))


@pytest.mark.parametrize("name", ["two", "vectors of a place", "circular"])
def test_gradients_are_difference_quotients(name: str):
    product, setting = TRIED[name]
    setting = replace(setting, steps=2, batch=1, inputs=2, hidden=2)
    function, leaves = function_of_leaves(convolved("peephole_lstm", product, name, setting))
    assert torch.autograd.gradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-6)


def test_a_kernel_of_one_place_is_a_matrix_at_every_place():
    tried = convolved("peephole_lstm", Convolution(1), "matrix", PLAIN)

    def rows(value: torch.Tensor, axis: int) -> torch.Tensor:
        return value.flatten(axis, axis + 2)

    def matrix(name: str, value: torch.Tensor) -> torch.Tensor:
        return value[..., 0, 0] if name.startswith("weight") else value

    a = tried.arguments
    arguments = replace(a, x=rows(a.x, 1), state={name: rows(value, 0) for name, value in a.state.items()})
    flat = Problem(
        CELLS["peephole_lstm"].equations,
        {name: matrix(name, value) for name, value in tried.parameters.items()},
        arguments,
        rows(tried.d_output, 1),
        {name: rows(value, 0) for name, value in tried.d_final.items()},
    )
    got, wanted = differentiate(reference.scan, tried), differentiate(reference.scan, flat)
    assert_close("output", rows(got.output, 1), wanted.output)
    for name in tried.parameters:
        assert_close(name, matrix(name, got.gradients[name]), wanted.gradients[name])
