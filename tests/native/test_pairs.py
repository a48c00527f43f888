"""Products of bfloat16 in pairs: their bits, derived again in NumPy, forward and backward; and how far they are from
float64 for every cell. tests/native/test_same_bits.py compares instruction sets, of which one has the instruction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from conformance.cells import CELLS
from keepgate.equations import Cell, affine
from keepgate.errors import InputError
from keepgate.native import Stepper
from keepgate.scan import ENGINES, Arguments, engines
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Setting, problem

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

LENGTHS = (5, 2, 0, 5, 4)
ROUNDINGS = 5  # of everything, where states and gradients are rounded at every step
SETTINGS = {
    "plain": Setting(steps=5, batch=5, inputs=7, hidden=19),
    "lengths and resets": Setting(steps=5, batch=5, inputs=7, hidden=19, lengths=LENGTHS, resets=True),
    "reverse": Setting(steps=5, batch=5, inputs=7, hidden=19, lengths=LENGTHS, reverse=True),
    "one row": Setting(steps=5, batch=1, inputs=5, hidden=33),
}


class Linear(Cell):
    """The products, and nothing else."""

    name = "linear"
    state = ("h",)

    def step(self, x, last):
        return self.State(h=affine("a", x, last.h))


def rounded(values: np.ndarray) -> np.ndarray:
    return torch.from_numpy(np.ascontiguousarray(values)).bfloat16().float().numpy()


def pairs(start: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return start + rows columns^T, [M, K] by [N, K]: of each pair of depth first the second product, each fused."""
    total = np.broadcast_to(start, (len(rows), len(columns))).astype(np.float32)
    a, b = (np.pad(rounded(v), ((0, 0), (0, v.shape[1] % 2))).astype(np.float64) for v in (rows, columns))
    for k in range(0, a.shape[1], 2):
        for i in (k + 1, k):
            total = (a[:, i, None] * b[None, :, i] + total).astype(np.float32)
    return total


def linear(x: torch.Tensor, **parameters: torch.Tensor) -> Arguments:
    hidden = len(parameters["weight_hh"])
    return Arguments(x, {"h": torch.zeros(x.shape[1], hidden)}, record=("h",), storage="pairs")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("batch", "inputs", "hidden"), [(1, 1, 1), (5, 7, 19), (30, 40, 65), (13, 64, 96)])
def test_bits(monkeypatch: pytest.MonkeyPatch, batch: int, inputs: int, hidden: int, threads: int):
    monkeypatch.setenv("KEEPGATE_THREADS", str(threads))
    draw = np.random.default_rng(hidden)
    steps = 4
    shapes = {"weight_ih": (hidden, inputs), "weight_hh": (hidden, hidden), "bias_ih": (hidden,), "bias_hh": (hidden,)}
    values = {name: draw.standard_normal(shape, np.float32) / 4 for name, shape in shapes.items()}
    x, d_output = (
        draw.standard_normal((steps, batch, inputs), np.float32),
        draw.random((steps, batch, hidden), np.float32),
    )
    given = {name: torch.from_numpy(value).requires_grad_() for name, value in values.items()}
    leaf = torch.from_numpy(x).requires_grad_()
    output = ENGINES["native"].run(Linear().equations, given, linear(leaf, **given)).recorded["h"]
    output.backward(torch.from_numpy(d_output))

    w, u, h, states = values["weight_ih"], values["weight_hh"], np.zeros((batch, hidden), np.float32), []
    for step in x:
        states.append(h)
        h = pairs(pairs(values["bias_ih"] + values["bias_hh"], step, w), h, u)
        assert np.array_equal(output[len(states) - 1].detach().numpy(), h)
    zero, carried = np.float32(0), np.zeros((batch, hidden), np.float32)
    dw, du = np.zeros_like(w), np.zeros_like(u)
    for t in reversed(range(steps)):
        delta = carried + d_output[t]
        assert np.array_equal(leaf.grad[t].numpy(), pairs(zero, delta, w.T))
        dw, du = pairs(dw, delta.T, x[t].T), pairs(du, delta.T, states[t].T)
        carried = pairs(zero, delta, u.T)
    assert np.array_equal(given["weight_ih"].grad.numpy(), dw)
    assert np.array_equal(given["weight_hh"].grad.numpy(), du)


@pytest.mark.parametrize(
    ("x", "weight", "wanted"),
    [
        (1e-39, 1.0, 0.0),  # below the normal numbers
        (1.0, -1e-39, 0.0),
        (2.0**-100, 2.0**-30, 0.0),  # its product is
        (2.0**-100, 2.0**-26, 2.0**-126),
        (1.00390625, 1.0, 1.0),  # a tie, to even
        (1.01171875, 1.0, 1.015625),
        (3.4e38, 1.0, float("inf")),
        (float("inf"), 1.0, float("inf")),
        (float("nan"), 1.0, float("nan")),
        (1.0, float("nan"), float("nan")),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_numbers_at_the_edge(x: float, weight: float, wanted: float, place: int):
    values, row = {"weight_ih": torch.zeros(1, 2), "weight_hh": torch.zeros(1, 1)}, torch.zeros(1, 1, 2)
    values["weight_ih"][0, place], row[0, 0, place] = weight, x
    got = ENGINES["native"].run(Linear().equations, values, linear(row, **values)).recorded["h"]
    assert np.array_equal(got.item(), wanted, equal_nan=True)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", [name for name in CELLS if name != "everything"])  # which jumps where it compares
def test_as_precise_as_bfloat16(cell: str, setting: str):
    """Not much further from float64 than that is from itself once weights, inputs and cotangents are rounded."""
    tried = problem(cell, CELLS[cell].equations, replace(SETTINGS[setting], seed=5))
    single = tried.changed(lambda value: value.float())
    paired = replace(single, arguments=replace(single.arguments, storage="pairs"))
    once = tried.changed(lambda value: value.bfloat16().double())
    wanted, nearby = (differentiate(ENGINES["reference"].run, p) for p in (tried, once))
    got = differentiate(ENGINES["native"].run, paired)
    assert not torch.equal(got.output, differentiate(ENGINES["native"].run, single).output)
    found = {"output": (got.output, wanted.output, nearby.output)}
    for table in ("final", "gradients"):
        each = [getattr(outcome, table) for outcome in (got, wanted, nearby)]
        found |= {name: tuple(by_name[name] for by_name in each) for name in each[0]}
    for name, (value, exact, near) in found.items():
        if value.numel():
            error, size, one = (float(v.double().norm()) for v in (value - exact, exact, near - exact))
            assert error < ROUNDINGS * (one + 2.0**-9 * size) + 1e-4, name


@pytest.mark.parametrize("setting", SETTINGS)
def test_recomputing_changes_no_bit(setting: str):
    tried = problem("lstm", CELLS["lstm"].equations, replace(SETTINGS[setting], dtype=torch.float32))
    a = replace(tried.arguments, storage="pairs")
    kept, again = (
        differentiate(ENGINES["native"].run, replace(tried, arguments=replace(a, recompute=recompute)))
        for recompute in (False, True)
    )
    assert torch.equal(kept.output, again.output)
    assert all(torch.equal(value, again.gradients[name]) for name, value in kept.gradients.items())


def test_no_storage_of_streams():
    values = {"weight_ih": np.zeros((3, 2)), "weight_hh": np.zeros((3, 3))}
    with pytest.raises(InputError, match="storage is one of full, bfloat16, int8"):
        Stepper(Linear().equations, 2, 3, values, storage="pairs")
