"""The table of operations: each derivative rule is the difference quotient, and torch computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from conformance.cells import CELLS
from keepgate.equations import Expression
from keepgate.equations.expression import LEAVES, SourceLine, topological
from keepgate.equations.operations import OPERATIONS, REDUCTIONS
from keepgate.scan.reference import TORCH

LINE = SourceLine("test", 0)
UNITS = 5
POSITIVE = ("log", "sqrt", "normalize_slope")
NARROW = {"broadcast": "a", "normalize_slope": "c"}  # arguments of one unit


def leaf(name: str, width: str) -> Expression:
    return Expression("vector", (), (name, None), width, LINE)


def evaluate(node: Expression, values: dict[str, np.ndarray]) -> Any:
    """Compute an expression of leaves by the table alone."""
    known: dict[int, Any] = {}
    for n in topological([node]):
        args = [known[arg.serial] for arg in n.args]
        if n.op in LEAVES:
            known[n.serial] = {"constant": n.attrs[0], "size": UNITS}.get(n.op, values.get(n.attrs[0]))
        else:
            known[n.serial] = OPERATIONS[n.op].compute(*args)
    return known[node.serial]


def arguments(op: str, rng: np.random.Generator) -> tuple[list[Expression], dict[str, np.ndarray], str]:
    """Return the arguments of an operation, numbers for them, and the width of the result."""
    widths = {name: "unit" if name in NARROW.get(op, "") else "hidden" for name in "abc"[: OPERATIONS[op].arity]}
    leaves = [leaf(name, width) for name, width in widths.items()]
    values = {name: rng.normal(size=(3, 1 if width == "unit" else UNITS)) for name, width in widths.items()}
    if op in POSITIVE:
        values = {name: np.abs(value) + 0.1 for name, value in values.items()}
    if op == "where":
        values["a"] = (values["a"] > 0).astype(float)
    return leaves, values, "unit" if op in ("mean", "deviation") else "hidden"


@pytest.mark.parametrize("op", OPERATIONS)
def test_derivative_is_the_difference_quotient(op: str):
    rng = np.random.default_rng(sum(map(ord, op)))
    leaves, values, width = arguments(op, rng)
    node = Expression(op, leaves, (), width, LINE)
    values["g"] = rng.normal(size=(3, 1 if width == "unit" else UNITS))
    parts = OPERATIONS[op].derivative(leaf("g", width), node, *leaves)
    assert len(parts) == len(leaves)
    for argument, part in zip(leaves, parts, strict=True):
        name, step = argument.attrs[0], 1e-6
        if part is None:
            assert op in ("less", "where")
            continue
        wanted = np.zeros_like(values[name])
        for place in np.ndindex(wanted.shape):
            moved = [values | {name: values[name] + step * sign * unit(place, wanted.shape)} for sign in (1, -1)]
            above, below = (np.sum(values["g"] * evaluate(node, v)) for v in moved)
            wanted[place] = (above - below) / (2 * step)
        got = np.broadcast_to(evaluate(part, values), wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


def unit(place: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    basis = np.zeros(shape)
    basis[place] = 1
    return basis


@pytest.mark.parametrize("op", sorted(set(OPERATIONS) - {"broadcast"}))
def test_torch_and_numpy_compute_the_same(op: str):
    _, values, _ = arguments(op, np.random.default_rng(0))
    inputs = [value * 30 for name, value in values.items() if name != "g"]
    wanted = OPERATIONS[op].compute(*inputs) if op != "exp" else np.exp(inputs[0])
    got = TORCH[op](*map(torch.tensor, inputs)).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("op", ["relu", "absolute", "minimum", "maximum"])
def test_at_a_kink_the_derivative_is_torchs(op: str):
    leaves, _, width = arguments(op, np.random.default_rng(0))
    values = {name: np.array([[0.0, -1.0, 2.0]]) for name in "ab"[: len(leaves)]}
    node = Expression(op, leaves, (), width, LINE)
    parts = OPERATIONS[op].derivative(leaf("g", width), node, *leaves)
    tensors = [torch.tensor(value, requires_grad=True) for value in values.values()]
    wanted = torch.autograd.grad(TORCH[op](*tensors).sum(), tensors)
    for part, gradient in zip(parts, wanted, strict=True):
        np.testing.assert_array_equal(evaluate(part, values | {"g": np.ones((1, 3))}), gradient)


@pytest.mark.parametrize("op", ["sigmoid", "softplus", "tanh"])
def test_no_overflow_far_out(op: str):
    far = np.array([-1e4, -745.0, 745.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(OPERATIONS[op].compute(far)).all()


def test_one_cell_of_the_suite_has_every_operation_and_leaf():
    nodes = CELLS["everything"].equations.nodes
    of_gradients = {"cotangent", "deviation", "normalize_slope", "sigmoid_slope", "tanh_slope"}
    assert {node.op for node in nodes} | of_gradients == set(OPERATIONS) | LEAVES | {"affine"}
    assert set(REDUCTIONS) <= set(OPERATIONS)
    assert set(TORCH) | {"broadcast"} == set(OPERATIONS)
