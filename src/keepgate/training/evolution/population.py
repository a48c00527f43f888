"""P networks of one cell that step together, each with an output layer and rows of its own."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from keepgate.equations import Equations, compile_program
from keepgate.equations.operations import OPERATIONS
from keepgate.equations.program import Affine, Stage
from keepgate.errors import InputError
from keepgate.maps import Dense

__all__ = ["Population"]


class Group(NamedTuple):
    """Affine maps of the same sources, which are one product: sources [P, K, S] with a 1 at the end, times weights."""

    affines: list[Affine]
    sources: tuple[int, ...]
    weights: np.ndarray  # [P, S + 1, rows of all gates]


class Population:
    """One layer of a cell with a linear output layer, for P networks at once; in evaluation, on NumPy.

    The N numbers of a network are the parameters of the cell in the order of `Equations.parameters` (of biases
    `bias_ih` alone, since sums of two are redundant), then `weight_out` [O, W] and `bias_out` [O].

    >>> from keepgate.cells import get
    >>> networks = Population(get("lstm").equations, 3, 4, 1, networks=5, rows=2)
    >>> networks.load(np.zeros((5, networks.size), np.float32))
    >>> networks.step(np.ones((5, 2, 3), np.float32)).shape
    (5, 2, 1)

    Args:
        equations: of the cell.
        input_size: I.
        hidden_size: H.
        output_size: O; 0: the output is the cell's.
        networks: P.
        rows: K, sequences that each network runs at once.
        dtype: float32 or float64.
    """

    def __init__(
        self,
        equations: Equations,
        input_size: int,
        hidden_size: int,
        output_size: int,
        networks: int,
        rows: int = 1,
        dtype: Any = np.float32,
    ):
        program = compile_program(equations)
        if not isinstance(program.map, Dense) or equations.step_inputs:
            raise InputError(f"cell {equations.name} cannot run as a population: it is no cell of vectors alone")
        self.program, self.networks, self.rows, self.dtype = program, networks, rows, np.dtype(dtype)
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.widths = equations.resolve(input_size, hidden_size)
        width = self.widths[next(iter(program.states.values()))]
        shapes = {p.name: p.shape for p in equations.parameters(input_size, hidden_size)}
        shapes = {name: shape for name, shape in shapes.items() if not name.startswith("bias_") or name == "bias_ih"}
        if output_size:
            shapes |= {"weight_out": (output_size, width), "bias_out": (output_size,)}
        self.shapes: dict[str, tuple[int, ...]] = shapes
        self.size = sum(map(prod, shapes.values()))
        self.state: dict[int, np.ndarray] = {}
        self.reset()

    def views(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters [P, ...] by name, as views of weights [P, N]."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + prod(shape)
            found[name] = weights[:, start:stop].reshape(len(weights), *shape)
            start = stop
        return found

    def places(self, name: str) -> np.ndarray:
        """Return where a parameter's numbers are among the N, in its shape."""
        return self.views(np.arange(self.size)[None])[name][0]

    def load(self, weights: np.ndarray) -> None:
        """Take the weights of all networks, [P, N]; the states stay.

        Raises:
            InputError: they have another shape.
        """
        if weights.shape != (self.networks, self.size):
            raise InputError(f"weights have shape {weights.shape}, expected {(self.networks, self.size)}")
        given = self.views(np.ascontiguousarray(weights, self.dtype))
        self.stages = [(self._groups(stage, given), stage.ops) for stage in self.program.forward]
        self.leaves: dict[int, Any] = {}
        for number, (kind, attrs, _) in enumerate(self.program.values):
            if kind == "vector":
                self.leaves[number] = given[attrs[0]][:, None]
            elif kind == "constant":
                self.leaves[number] = self.dtype.type(attrs[0])
            elif kind == "size":
                self.leaves[number] = self.dtype.type(self.widths[attrs[0]])
            elif kind == "bernoulli":
                self.leaves[number] = self.dtype.type(attrs[1])
        if self.output_size:
            self.output = np.ascontiguousarray(given["weight_out"].swapaxes(1, 2)), given["bias_out"][:, None]

    def reset(self, mask: np.ndarray | None = None) -> None:
        """Return to states of zeros: all rows, or those of a mask [P, K]."""
        for number, (kind, attrs, _) in enumerate(self.program.values):
            if kind == "last":
                width = self.widths[self.program.states[attrs[0]]]
                if mask is None:
                    self.state[number] = np.zeros((self.networks, self.rows, width), self.dtype)
                else:
                    self.state[number] = np.where(mask[:, :, None], self.dtype.type(0), self.state[number])

    def step(self, x: np.ndarray) -> np.ndarray:
        """Take one step of x [P, K, I] and return the outputs [P, K, O]; values that are not finite stay so."""
        values = {**self.leaves, **self.state}
        for number, (kind, _, _) in enumerate(self.program.values):
            if kind == "input":
                values[number] = x
        with np.errstate(over="ignore", invalid="ignore"):
            for groups, ops in self.stages:
                for group in groups:
                    self._multiply(group, values)
                for op, target, args in ops:
                    values[target] = OPERATIONS[op].compute(*(values[arg] for arg in args))
                    if op == "broadcast":
                        width = self.widths[str(self.program.values[target].width)]
                        values[target] = np.repeat(values[target], width, -1)
            for number, (kind, attrs, _) in enumerate(self.program.values):
                if kind == "last":
                    self.state[number] = values[self.program.new[attrs[0]]]
            h = values[self.program.new[next(iter(self.program.states))]]
            if not self.output_size:
                return h
            weights, bias = self.output
            return np.matmul(h, weights) + bias

    def _groups(self, stage: Stage, given: Mapping[str, np.ndarray]) -> list[Group]:
        together: dict[tuple[int, ...], list[Affine]] = {}
        for affine in stage.products:
            assert isinstance(affine, Affine)
            together.setdefault(tuple(term.source for term in affine.terms), []).append(affine)
        return [
            Group(affines, sources, np.concatenate([self._packed(affine, given) for affine in affines], 2))
            for sources, affines in together.items()
        ]

    def _packed(self, affine: Affine, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the weights [P, S + 1, rows] of one gate; the last row is the bias."""
        parts, bias = [], None
        for term in affine.terms:
            parts.append(self._gate(given, "weight", self.program.blocks, term.block, affine.gate))
            if term.bias and f"bias_{term.block}" in given:
                bias = self._gate(given, "bias", self.program.biases, term.block, affine.gate)
        weights = np.concatenate(parts, 2).swapaxes(1, 2)
        last = np.zeros((len(weights), 1, weights.shape[2]), self.dtype) if bias is None else bias[:, None]
        return np.concatenate([weights, last], 1)

    def _gate(
        self, given: Mapping[str, np.ndarray], kind: str, blocks: Mapping[str, tuple[str, ...]], block: str, gate: str
    ) -> np.ndarray:
        gates = blocks[block]
        return np.split(given[f"{kind}_{block}"], len(gates), 1)[gates.index(gate)]

    def _multiply(self, group: Group, values: dict[int, Any]) -> None:
        one = np.ones((self.networks, self.rows, 1), self.dtype)
        joined = np.concatenate([*(values[source] for source in group.sources), one], 2)
        results = np.split(np.matmul(joined, group.weights), len(group.affines), 2)
        for affine, result in zip(group.affines, results, strict=True):
            values[affine.target] = result
