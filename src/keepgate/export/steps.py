"""A layer as ONNX's `Scan`: its body is the cell's equations, one node an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from onnx import GraphProto, helper

from keepgate.equations import Expression
from keepgate.equations.operations import EPSILON
from keepgate.errors import InputError
from keepgate.export.convolve import convolve
from keepgate.export.graph import BOOL, FLOAT, Graph
from keepgate.export.weights import Weights
from keepgate.maps import Convolution, Dense, Map

__all__ = ["PRODUCTS", "Sequence", "scan"]

Constant = Callable[[np.ndarray], str]

# How each map multiplies a value [..., of the source] with stacked weights, which it puts into the graph as constants.
PRODUCTS: dict[type[Map], Callable[[Any, Graph, str, np.ndarray, Constant], str]] = {
    Dense: lambda _, graph, x, weights, constant: graph.node("MatMul", x, constant(weights.T)),
    Convolution: convolve,
}

PLAIN = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "softplus": "Softplus",
    "relu": "Relu",
    "absolute": "Abs",
    "minimum": "Min",
    "maximum": "Max",
}


class Sequence(NamedTuple):
    """The inputs of a layer, as values of the graph, time first; the map's space lies before the last axis.

    Attributes:
        x: [T, B, I].
        state: the initial states, [B, W] each.
        active: bool [T, B, 1], whether a step is within its row's length; None: all are.
        reset: bool [T, B, 1], whether a step starts from the initial state; None: none does.
        step_inputs: [T, B, W] each.
    """

    x: str
    state: Mapping[str, str]
    active: str | None = None
    reset: str | None = None
    step_inputs: Mapping[str, str] = {}


def scan(graph: Graph, weights: Weights, run: Sequence, kind: int, reverse: bool) -> tuple[str, dict[str, str]]:
    """Emit a layer in one direction; return its output [T, B, W] and its final states [B, W].

    Args:
        graph: to emit to.
        weights: of the layer in this direction.
        run: its inputs.
        kind: ONNX's number of the floating-point type.
        reverse: from the last step to the first.

    Raises:
        InputError: ONNX has no product for the map of the equations.
    """
    if type(weights.equations.map) not in PRODUCTS:
        raise InputError(f"ONNX has no product for the map {weights.equations.map} of {weights.equations.name}")
    step = _Step(graph, weights, run, kind)
    new = step.emit()
    states, count = list(run.state), len(step.sequences)
    results = graph.nodes(
        len(states) + 1,
        "Scan",
        *run.state.values(),
        *step.sequences.values(),
        body=new,
        num_scan_inputs=count,
        scan_input_directions=[int(reverse)] * count,
        scan_output_directions=[int(reverse)],
    )
    return results[-1], dict(zip(states, results, strict=False))


class _Step:
    """The body of a Scan: states and slices of sequences in, new states and the output out."""

    def __init__(self, graph: Graph, weights: Weights, run: Sequence, kind: int) -> None:
        self.graph, self.weights, self.run, self.kind = graph, weights, run, kind
        self.equations = weights.equations
        self.body = graph.body(f"step of {self.equations.name}")
        self.product = partial(PRODUCTS[type(self.equations.map)], self.equations.map)
        self.dtype = helper.tensor_dtype_to_np_dtype(kind)
        self.sequences: dict[str, str] = {}  # by the name of the slice in the body
        self.values: dict[int, str] = {}

    def emit(self) -> GraphProto:
        """Emit the equations and return the body."""
        body, run, widths = self.body, self.run, self.equations.widths
        shapes = {state: self._shape(self.weights.sizes[width]) for state, width in widths.items()}
        last = {state: body.input(body.unused(f"last.{state}"), self.kind, shapes[state]) for state in widths}
        before = last
        if run.reset is not None:
            reset = self._slice(run.reset, BOOL)
            before = {state: body.node("Where", reset, run.state[state], value) for state, value in last.items()}
        active = None if run.active is None else self._slice(run.active, BOOL)
        self._equations(before)
        new = {state: self._batched(value, last[state]) for state, value in self.equations.new.items()}
        output = first = new[self.equations.states[0]]
        if active is not None:
            output = body.node("Where", active, first, body.constant(np.zeros((), self.dtype)))
            new = {state: body.node("Where", active, value, last[state]) for state, value in new.items()}
        for state, value in new.items():
            body.output(body.unused(f"new.{state}"), value, self.kind, shapes[state])
        body.output(body.unused("step.output"), output, self.kind, shapes[self.equations.states[0]])
        return body.proto()

    def _equations(self, last: Mapping[str, str]) -> None:
        leaves: dict[str, Callable[[Expression], str]] = {
            "input": lambda node: self._slice(self.run.x, self.kind),
            "last": lambda node: last[node.attrs[0]],
            "step_input": lambda node: self._slice(self.run.step_inputs[node.attrs[0]], self.kind),
            "vector": lambda node: self._constant(
                np.moveaxis(self.weights.arrays[node.attrs[0]], 0, -1)[None], node.attrs[0]
            ),
            "constant": lambda node: self._constant(node.attrs[0]),
            "size": lambda node: self._constant(self.weights.sizes[node.attrs[0]]),
            "bernoulli": lambda node: self._constant(np.full((1, self._units(node)), node.attrs[1]), node.attrs[0]),
            "affine": self._affine,
        }
        for node in self.equations.nodes:
            if node.op == "input" and all(user.op == "affine" for user in self._users(node)):
                continue  # its products are taken of all steps at once
            if node.serial in self.values:
                continue  # came with another gate
            self.values[node.serial] = leaves[node.op](node) if node.op in leaves else self._operation(node)
        if not self.sequences:
            self._slice(self.run.x, self.kind)  # a Scan runs over something

    def _users(self, node: Expression) -> list[Expression]:
        return [user for user in self.equations.nodes if any(arg is node for arg in user.args)]

    def _affine(self, node: Expression) -> str:
        """Add up the products of all gates of the same sources; what x brings is computed before the loop."""
        same = [other for other in self.equations.affines if _sources(other) == _sources(node)]
        gates, (_, letters, biased), width = [other.attrs[0] for other in same], node.attrs, str(node.width)
        bias = sum(np.concatenate([self.weights.bias(gate, letter, width) for gate in gates]) for letter in biased)
        total = ""
        terms = sorted(zip(letters, node.args, strict=True), key=lambda term: term[1].op != "input")
        for letter, source in terms:
            outside = source.op == "input"
            graph = self.graph if outside else self.body
            rows = [self.weights.rows(gate, letter, width) for gate in gates]
            constant = partial(self._constant, name=f"weight_{letter}")
            read = self.run.x if outside else self.values[source.serial]
            value = self.product(graph, read, np.concatenate(rows), constant)
            if not total and np.any(bias):
                value = graph.node("Add", value, self._constant(bias, "bias"))
            value = self._slice(value, self.kind) if outside else value
            total = self.body.node("Add", total, value) if total else value
        parts = self.body.nodes(len(same), "Split", total, axis=-1, num_outputs=len(same)) if same[1:] else [total]
        self.values |= {other.serial: part for other, part in zip(same, parts, strict=True)}
        return self.values[node.serial]

    def _operation(self, node: Expression) -> str:
        args = [self.values[arg.serial] for arg in node.args]
        return COMPOSED[node.op](self, node, *args) if node.op in COMPOSED else self.body.node(PLAIN[node.op], *args)

    def _slice(self, sequence: str, kind: int) -> str:
        """Return this step's part of a sequence [T, B, W]."""
        for name, known in self.sequences.items():
            if known == sequence:
                return name
        name = self.body.input(self.body.unused("step.x"), kind, self._shape(None))
        self.sequences[name] = sequence
        return name

    def _shape(self, width: int | None) -> list[str | int | None]:
        return ["batch", *[None] * self.equations.map.axes, width]

    def _constant(self, value: float | np.ndarray, name: str = "constant") -> str:
        return self.graph.constant(np.asarray(value, self.dtype), name)

    def _units(self, node: Expression) -> int:
        return self.weights.sizes[str(node.width)]

    def _batched(self, node: Expression, last: str) -> str:
        """Return a new state with a row for each row of the batch, where it may be the same for all."""
        value = self.values[node.serial]
        return value if self._varies(node) else self.body.node("Expand", value, self.body.node("Shape", last))

    def _varies(self, node: Expression) -> bool:
        return node.op in ("input", "last", "step_input") or any(self._varies(arg) for arg in node.args)

    # Operations of more than one node

    def _less(self, node: Expression, a: str, b: str) -> str:
        return self.body.node("Cast", self.body.node("Less", a, b), to=self.kind)

    def _where(self, node: Expression, condition: str, a: str, b: str) -> str:
        return self.body.node("Where", self.body.node("Cast", condition, to=BOOL), a, b)

    def _mean(self, node: Expression, a: str) -> str:
        return self.body.node("ReduceMean", a, self.graph.constant(np.array([-1])))

    def _normalize(self, node: Expression, a: str) -> str:
        if self.kind == FLOAT:
            ones = self._constant(np.ones(self._units(node)), "ones")
            return self.body.node("LayerNormalization", a, ones, epsilon=EPSILON)
        centred = self.body.node("Sub", a, self._mean(node, a))  # that operator's epsilon is a float32
        variance = self._mean(node, self.body.node("Mul", centred, centred))
        deviation = self.body.node("Sqrt", self.body.node("Add", variance, self._constant(EPSILON)))
        return self.body.node("Div", centred, deviation)

    def _broadcast(self, node: Expression, a: str) -> str:
        return self.body.node("Expand", a, self.graph.constant(np.array([1, self._units(node)])))


def _sources(node: Expression) -> tuple[object, ...]:
    """Return what affine maps have in common that are computed together."""
    return tuple(arg.serial for arg in node.args), node.attrs[1:], node.width


COMPOSED = {
    "less": _Step._less,
    "where": _Step._where,
    "mean": _Step._mean,
    "normalize": _Step._normalize,
    "broadcast": _Step._broadcast,
}
