"""Run a program in NumPy, step by step, in the precision of its inputs: a plain reading of what engines do fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from keepgate.equations import noise
from keepgate.equations.operations import OPERATIONS
from keepgate.equations.program import Affine, Program, Stage, Transposed
from keepgate.maps import Convolution, Dense, Map

__all__ = ["PRODUCTS", "Gradients", "Interpreter", "Product", "Run"]

Arrays = Mapping[str, np.ndarray]


class Product(NamedTuple):
    """The computation of a map: each function takes the map first, and the weights of one gate.

    Attributes:
        forward: of x [B, *space, of the source] and the weights: the product [B, *space, of the gate].
        backward: of the cotangent of the product and the weights: that of x.
        weights: of the cotangent of the product and x: that of the weights, summed over rows.
    """

    forward: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]
    backward: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]
    weights: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]


def _shifted(map: Convolution, x: np.ndarray, way: tuple[int, ...]) -> np.ndarray:
    """Return x [B, *space, W] with, at each place, what lies `way` from there."""
    axes = range(1, 1 + map.dims)
    if map.padding == "circular":
        return np.roll(x, [-step for step in way], axes)
    shifted = np.zeros_like(x)
    to, source = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for axis, step in zip(axes, way, strict=True):
        count = max(x.shape[axis] - abs(step), 0)
        to[axis] = slice(max(-step, 0), max(-step, 0) + count)
        source[axis] = slice(max(step, 0), max(step, 0) + count)
    shifted[tuple(to)] = x[tuple(source)]
    return shifted


def _taps(map: Convolution, w: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield each place of a kernel w [of the gate, of the source, *kernel_size], with its view [of both]."""
    for way, place in zip(map.taps, np.ndindex(*map.kernel_size), strict=True):
        yield way, w[(..., *place)]


def _convolved(map: Convolution, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return sum((_shifted(map, x, way) @ part.T for way, part in _taps(map, w)), np.zeros((*x.shape[:-1], len(w))))


def _convolved_back(map: Convolution, delta: np.ndarray, w: np.ndarray) -> np.ndarray:
    back = ((tuple(-step for step in way), part) for way, part in _taps(map, w))
    return sum((_shifted(map, delta, way) @ part for way, part in back), np.zeros((*delta.shape[:-1], w.shape[1])))


def _convolved_weights(map: Convolution, delta: np.ndarray, x: np.ndarray) -> np.ndarray:
    w = np.zeros((delta.shape[-1], x.shape[-1], *map.kernel_size))
    rows = delta.reshape(-1, delta.shape[-1])
    for way, part in _taps(map, w):
        part[...] = rows.T @ _shifted(map, x, way).reshape(len(rows), x.shape[-1])
    return w


PRODUCTS: dict[type[Map], Product] = {
    Dense: Product(lambda _, x, w: x @ w.T, lambda _, delta, w: delta @ w, lambda _, delta, x: delta.T @ x),
    Convolution: Product(_convolved, _convolved_back, _convolved_weights),
}


class Run(NamedTuple):
    """A forward pass: `states[name]` is [T + 1, B, W], the initial state first; `tape` is for `backward`."""

    states: dict[str, np.ndarray]
    tape: list[dict[int, Any]]


class Gradients(NamedTuple):
    """Cotangents of everything that went in."""

    x: np.ndarray
    states: dict[str, np.ndarray]
    step_inputs: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]


class Interpreter:
    """A program bound to its parameters.

    Args:
        program: what to run.
        parameters: by name; shapes as `Equations.parameters` gives them. Biases may be absent.
        seed: of the random bits; None runs in evaluation, where a random bit is its expectation.
    """

    def __init__(self, program: Program, parameters: Arrays, seed: int | None = None) -> None:
        self.program, self.parameters, self.seed = program, parameters, seed
        self.map, self.product = program.map, PRODUCTS[type(program.map)]

    def forward(self, x: np.ndarray, states: Arrays, step_inputs: Arrays | None = None) -> Run:
        """Run over `x` [T, B, *space, I] from `states` [B, *space, W]; step inputs are [T, B, *space, 1]."""
        run = {name: np.empty((len(x) + 1, *state.shape), state.dtype) for name, state in states.items()}
        tape = []
        for name, state in states.items():
            run[name][0] = state
        widths = self._widths(x, run)
        for t in range(len(x)):
            values = self._leaves(t, x, run, step_inputs or {}, widths)
            self._stages(self.program.forward, values, widths)
            for name, number in self.program.new.items():
                run[name][t + 1] = values[number]
            tape.append({number: values[number] for number in self.program.kept})
        return Run(run, tape)

    def backward(self, x: np.ndarray, run: Run, cotangents: Arrays, step_inputs: Arrays | None = None) -> Gradients:
        """Return the gradients of a forward pass.

        Args:
            x: as of `forward`.
            run: what `forward` returned.
            cotangents: of the states after each step, [T, B, *space, W] by name.
            step_inputs: as of `forward`.
        """
        program, inputs = self.program, step_inputs or {}
        parameters = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        dx = np.zeros_like(x)
        d_inputs = {name: np.zeros_like(value) for name, value in inputs.items()}
        carried = {name: np.zeros_like(state[0]) for name, state in run.states.items()}
        widths = self._widths(x, run.states)
        for t in reversed(range(len(x))):
            values = self._leaves(t, x, run.states, inputs, widths) | run.tape[t]
            values |= {program.new[name]: state[t + 1] for name, state in run.states.items()}
            for number, value in enumerate(program.values):
                if value.kind == "cotangent":
                    name = value.attrs[0]
                    values[number] = carried[name] + cotangents[name][t]
            self._stages(program.backward, values, widths)
            carried = {
                name: values[program.last[name]] if name in program.last else np.zeros_like(value)
                for name, value in carried.items()
            }
            if program.x is not None:
                dx[t] = values[program.x]
            for name, number in program.step_inputs.items():
                d_inputs[name][t] = values[number]
            self._accumulate(values, parameters)
        return Gradients(dx, carried, d_inputs, parameters)

    def _widths(self, x: np.ndarray, states: Arrays) -> dict[str, int]:
        widths = {width: states[name].shape[-1] for name, width in self.program.states.items()}
        if "hidden" not in widths:
            block, gates = next((b, g) for b, g in self.program.blocks.items() if b.endswith("h"))
            widths["hidden"] = self.map.widths(self.parameters[f"weight_{block}"].shape, len(gates))[0]
        return widths | {"input": x.shape[-1], "unit": 1}

    def _leaves(
        self, t: int, x: np.ndarray, states: Arrays, inputs: Arrays, widths: Mapping[str, int]
    ) -> dict[int, Any]:
        leaf = {
            "input": lambda: x[t],
            "last": lambda name: states[name][t],
            "step_input": lambda name: inputs[name][t],
            "vector": lambda name, initial: np.broadcast_to(
                vector := np.moveaxis(self.parameters[name], 0, -1), (*x.shape[1:-1], vector.shape[-1])
            ),
            "constant": lambda value: value,
            "size": lambda width: widths[width],
        }
        values: dict[int, Any] = {}
        streams = 0
        for number, (kind, attrs, width) in enumerate(self.program.values):
            if kind == "bernoulli":
                _, rate, per = attrs
                step = t if per == "step" else 0
                values[number] = self._noise(streams, step, x.shape[1:-1], widths[str(width)], rate)
                streams += 1
            elif kind in leaf:
                values[number] = leaf[kind](*attrs)
        return values

    def _noise(self, stream: int, t: int, rows: tuple[int, ...], units: int, rate: float) -> np.ndarray:
        if self.seed is None:
            return np.full((*rows, units), rate)
        drawn = noise.bernoulli(noise.stream_key(self.seed, stream), t, math.prod(rows), units, rate)
        return drawn.reshape(*rows, units)

    def _stages(self, stages: tuple[Stage, ...], values: dict[int, Any], widths: Mapping[str, int]) -> None:
        for stage in stages:
            for product in stage.products:
                values[product.target] = self._product(product, values)
            for op, target, args in stage.ops:
                values[target] = OPERATIONS[op].compute(*(values[arg] for arg in args))
                if op == "broadcast":
                    values[target] = np.repeat(values[target], widths[str(self.program.values[target].width)], -1)

    def _product(self, product: Affine | Transposed, values: dict[int, Any]) -> np.ndarray:
        total: Any = 0.0
        if isinstance(product, Transposed):
            for gate, delta in zip(product.gates, product.deltas, strict=True):
                weights = self._rows("weight", product.block, gate)
                total = total + self.product.backward(self.map, values[delta], weights)
            return total
        for block, source, bias, _ in product.terms:
            weights = self._rows("weight", block, product.gate)
            total = total + self.product.forward(self.map, values[source], weights)
            if bias and f"bias_{block}" in self.parameters:
                total = total + self._rows("bias", block, product.gate)
        return total

    def _rows(self, kind: str, block: str, gate: str, arrays: Arrays | None = None) -> np.ndarray:
        """Return the view of what one gate has of a stacked parameter."""
        gates = (self.program.blocks if kind == "weight" else self.program.biases)[block]
        stacked = (arrays or self.parameters)[f"{kind}_{block}"]
        size = len(stacked) // len(gates)
        start = gates.index(gate) * size
        return stacked[start : start + size]

    def _accumulate(self, values: dict[int, Any], gradients: Arrays) -> None:
        for block, gate, delta, source, bias in self.program.outers:
            into = self._rows("weight", block, gate, gradients)
            into += self.product.weights(self.map, values[delta], values[source])
            if bias and f"bias_{block}" in gradients:
                self._rows("bias", block, gate, gradients)[...] += values[delta].sum(
                    tuple(range(values[delta].ndim - 1))
                )
        for name, number in self.program.vectors.items():
            into = np.moveaxis(gradients[name], 0, -1)  # one for each unit, or for each place and unit
            into += values[number].sum(tuple(range(values[number].ndim - into.ndim)))
