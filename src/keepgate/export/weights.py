"""The weights of a layer in the order in which ONNX wants them, and as the equations name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keepgate.equations import Equations
from keepgate.equations.graph import TARGET_LETTER
from keepgate.export.operators import Argument, Operator

__all__ = ["Weights", "operator_weights"]

OPEN = 1e4  # as a bias: a gate that is 1


@dataclass(frozen=True)
class Weights:
    """The parameters of one layer and direction by their names in the equations; absent biases are zeros."""

    equations: Equations
    arrays: Mapping[str, np.ndarray]
    sizes: Mapping[str, int]

    def rows(self, gate: str, letter: str, width: str = "hidden") -> np.ndarray:
        """Return the rows of one gate of the matrix of a source, [W, of the source]."""
        block = letter + TARGET_LETTER[width]
        return self._rows(f"weight_{block}", [product.gate for product in self.equations.products[block]], gate)

    def bias(self, gate: str, letter: str, width: str = "hidden") -> np.ndarray:
        """Return the bias that a source brings to one gate, [W]."""
        block = letter + TARGET_LETTER[width]
        if f"bias_{block}" not in self.arrays:
            return np.zeros(self.sizes[width], next(iter(self.arrays.values())).dtype)
        return self._rows(f"bias_{block}", self.equations.biases[block], gate)

    def _rows(self, name: str, gates: Sequence[str], gate: str) -> np.ndarray:
        return np.split(self.arrays[name], len(gates))[list(gates).index(gate)]


def operator_weights(operator: Operator, weights: Weights) -> dict[str, np.ndarray]:
    """Return W, R, B (and P, and `start` and `out` of a projection) of one direction, float32.

    With a projection M, R stands for R M, since the operator passes on the unprojected output: `out` is M transposed.
    An initial output is projected already; its product is with `start`, the R of the cell.
    """
    gates = [_Gate(argument, weights) for argument in operator.gates]
    arrays = {"W": np.concatenate([gate.w for gate in gates]), "R": np.concatenate([gate.r for gate in gates])}
    arrays["B"] = np.concatenate([gate.wb for gate in gates] + [gate.rb for gate in gates])
    if operator.projection is not None:
        matrix = weights.rows(*operator.projection, "projection").astype(np.float64)
        arrays |= {"R": arrays["R"] @ matrix, "start": arrays["R"], "out": matrix.T}
    if any(argument and argument.peephole for argument in operator.gates):
        i, o, f, _ = gates
        arrays["P"] = np.concatenate([i.p, o.p, f.p])
    return {name: value.astype(np.float32) for name, value in arrays.items()}


class _Gate:
    """The weights and biases of one gate, added up in float64."""

    def __init__(self, argument: Argument | None, weights: Weights) -> None:
        size = weights.sizes
        hidden, output = size["hidden"], size[weights.equations.widths[weights.equations.states[0]]]
        self.w, self.r = np.zeros((hidden, size["input"])), np.zeros((hidden, output))
        self.wb, self.rb, self.p = np.zeros(hidden), np.zeros(hidden), np.zeros(hidden)
        if argument is None:
            self.wb += OPEN
            return
        self.wb += argument.number
        for products, matrix, bias in ((argument.input, self.w, self.wb), (argument.recurrent, self.r, self.rb)):
            for factor, (gate, letter, biased) in products:
                matrix += factor * weights.rows(gate, letter).astype(np.float64)
                bias += factor * weights.bias(gate, letter) if biased else 0.0
        for vectors, bias in ((argument.input_bias, self.wb), (argument.recurrent_bias, self.rb)):
            for factor, name in vectors:
                bias += factor * weights.arrays[name].astype(np.float64)
        if argument.peephole is not None:
            factor, name = argument.peephole
            self.p += factor * weights.arrays[name]
