"""How the parameters of a layer begin: torch's uniform draw, what a cell says of its vectors, and the forget gate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations, Expression
from keepgate.errors import CellError, InputError

__all__ = ["forget_biases", "initialize"]

Rows = tuple[str, int, int]  # a parameter, which of its gates, and how many it stacks


def initialize(parameters: Iterable[tuple[Tensor, float | None]], fan_in: int) -> None:
    """Fill parameters in their order: with the number that each starts at, or uniform in ±1/sqrt(fan_in).

    Args:
        parameters: each with its number, or None.
        fan_in: of the recurrent product: the hidden size for a matrix, as in torch.
    """
    bound = 1.0 / math.sqrt(fan_in)
    for parameter, start in parameters:
        with torch.no_grad():
            parameter.uniform_(-bound, bound) if start is None else parameter.fill_(start)


def forget_biases(equations: Equations, start: Any, bias: bool) -> Iterator[tuple[Rows, float]]:
    """Yield the biases of the forget gate f and what each begins at: the first at `start`, others at 0.

    Jozefowicz, Zaremba & Sutskever 2015, "An Empirical Exploration of Recurrent Network Architectures", section 3.2:
    begin at 1, so that gradients reach back from the first step of training. Gers et al. 2000 say the same.

    Raises:
        InputError: the start is no number, or the layer has no biases.
        CellError: the cell has no forget gate of its own.
    """
    if not isinstance(start, Real) or isinstance(start, bool):
        raise InputError(f"forget_bias is the number at which the forget gate's bias begins, got {start!r}")
    gate = equations.named.get("f")
    rows = [] if gate is None else list(_terms(equations, gate))
    if not rows:
        raise CellError(f"{equations.name} has no forget gate f with a bias of its own, so forget_bias has no place")
    if not bias:
        raise InputError("forget_bias needs bias=True: with bias=False there is no bias to begin at it")
    for i, row in enumerate(rows):
        yield row, float(start) if i == 0 else 0.0


def _terms(equations: Equations, node: Expression) -> Iterator[Rows]:
    """Find the biases that are added up to the gate, below its squashing function."""
    if node.op == "vector":
        yield node.attrs[0], 0, 1
    elif node.op == "affine":
        gate, letters, biased = node.attrs
        for block, products in equations.products.items():
            for product in products:
                if product.gate == gate and product.letter in letters and product.letter in biased:
                    gates = equations.biases[block]
                    yield f"bias_{block}", gates.index(gate), len(gates)
    elif node.op not in ("subtract", "negative"):  # f = 1 - i has no bias of its own
        values = [arg for arg in node.args if arg.op not in ("constant", "size")]
        if node.op == "add" or len(values) == 1:
            for value in values:
                yield from _terms(equations, value)
