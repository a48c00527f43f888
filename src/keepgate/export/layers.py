"""Recurrent layers in an ONNX graph: one operator a layer where ONNX has it, else a `Scan` of the equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from onnx import helper, numpy_helper

from keepgate.errors import InputError
from keepgate.export import steps
from keepgate.export.graph import BOOL, DOUBLE, FLOAT, INT64, Graph
from keepgate.export.nodes import emit_node
from keepgate.export.operators import operator
from keepgate.export.weights import Weights
from keepgate.networks import Recurrent as Block
from keepgate.nn import Recurrent

__all__ = ["LayerInputs", "emit_layers", "emit_module", "kind_of"]

KINDS = {"float32": FLOAT, "float64": DOUBLE}


class LayerInputs(NamedTuple):
    """The inputs of recurrent layers besides x, as values of the graph, time first; None stands for the default.

    Attributes:
        state: initial states by name, [layers * directions, B, W]; missing ones are zeros.
        lengths: int64 [B].
        reset: bool [T, B].
        step_inputs: by name, [T, B, W].
    """

    state: Mapping[str, str] | None = None
    lengths: str | None = None
    reset: str | None = None
    step_inputs: Mapping[str, str] = {}


def emit_module(graph: Graph, module: Recurrent, state: bool, lengths: bool, reset: bool) -> None:
    """Emit a module with inputs and outputs in its own layout.

    Args:
        graph: to emit to.
        module: the layers.
        state: whether initial states are inputs.
        lengths: whether the lengths of rows are an input.
        reset: whether the steps that begin at the initial state are an input.

    Raises:
        InputError: the initial state is learned, and `state` is false.
    """
    if module.initial_state == "learned" and not state:
        raise InputError("the initial state of this module is learned: export it with state=True and feed h_0_l0, …")
    kind, first = kind_of(module.all_weights[0][0].dtype), module.batch_first
    spread = module.equations.map.axes
    places: list[str | int] = [f"place{n + 1}" for n in range(spread)]
    where = "".join(f", S{n + 1}" for n in range(spread))
    axes, layout = (["batch", "time"], "B, T") if first else (["time", "batch"], "T, B")
    lead = (1, 0) if first else (0, 1)
    rows, size = module.num_layers * module.directions, module.equations.resolve(module.input_size, module.hidden_size)
    shapes = {name: [rows, "batch", width, *places] for name, width in module.widths.items()}
    inward, outward = (
        (*range(3, 3 + spread), 2),
        (2 + spread, *range(2, 2 + spread)),
    )  # of the axes behind the first two

    def turned(value: str, *order: int) -> str:
        return value if order == (*range(len(order)),) else graph.swap(value, *order)

    def sequence(name: str, width: int) -> str:
        return turned(graph.input(name, kind, [*axes, width, *places], f"[{layout}, {width}{where}]"), *lead, *inward)

    def given_state(title: str, name: str) -> str:
        return turned(graph.input(title, kind, shapes[name], text.format(name)), 0, 1, *inward)

    x = sequence("input", module.input_size)
    text = "of state {}, [layers * directions, B, W" + where + "]"
    initial = {name: f"initial_{name}" for name in shapes} if state else {}
    given = LayerInputs(
        {name: given_state(title, name) for name, title in initial.items()} or None,
        graph.input("lengths", INT64, ["batch"], "steps of each row, 0 to T, [B]") if lengths else None,
        turned(graph.input("reset", BOOL, axes, f"steps that begin at the initial state, [{layout}]"), *lead)
        if reset
        else None,
        {name: sequence(name, size[width]) for name, width in module.equations.step_inputs.items()},
    )
    options = (module.num_layers, module.bidirectional)
    block = Block(module.equations, module.input_size, module.hidden_size, *options)
    rows = [module.parameters_of(row) for row in range(rows)]
    arrays = [{name: value.detach().cpu().numpy() for name, value in row.items()} for row in rows]
    output, final = emit_layers(graph, block, arrays, x, given)
    width = module.output_size
    shape, text_of_output = [*axes, width, *places], f"[{layout}, {width}{where}]"
    graph.output("output", turned(output, *lead, *outward), kind, shape, text_of_output)
    for name, value in final.items():
        graph.output(f"final_{name}", turned(value, 0, 1, *outward), kind, shapes[name], text.format(name))


def emit_layers(
    graph: Graph, block: Block, arrays: Sequence[Mapping[str, np.ndarray]], x: str, given: LayerInputs
) -> tuple[str, dict[str, str]]:
    """Emit layers over x [T, B, I]; return the output [T, B, D * W] and the final states [layers * D, B, W].

    Args:
        graph: to emit to.
        block: what the layers are.
        arrays: the tensors of each layer and direction by their names in the equations; absent biases are zeros.
        x: [T, B, I].
        given: what else there is.

    Raises:
        InputError: the weights are neither float32 nor float64.
    """
    layers = _Layers(graph, block, arrays, x, given)
    graph.metadata |= {"cell": block.equations.name, "operator": layers.operator.name if layers.operator else "Scan"}
    finals = []
    for layer in range(block.num_layers):
        x, final = layers.node(x, layer) if layers.operator else layers.scans(x, layer)
        finals.append(final)
    return x, {name: graph.joined([final[name] for final in finals], 0) for name in block.widths}


def kind_of(dtype: object) -> int:
    """Return ONNX's number of a dtype of torch or NumPy.

    Raises:
        InputError: it is neither float32 nor float64.
    """
    name = str(dtype).removeprefix("torch.")
    if name not in KINDS:
        raise InputError(f"export to ONNX takes float32 or float64 weights, got {dtype}; convert by module.float()")
    return KINDS[name]


class _Layers:
    """The layers of one block in a graph."""

    def __init__(
        self, graph: Graph, block: Block, arrays: Sequence[Mapping[str, np.ndarray]], x: str, given: LayerInputs
    ) -> None:
        self.graph, self.block, self.arrays, self.given, self.first = graph, block, arrays, given, x
        self.equations, self.directions = block.equations, block.directions
        self.kind = kind_of(next(iter(arrays[0].values())).dtype)
        plain = self.kind == FLOAT and given.reset is None  # runtimes have the operators in float32
        self.operator = operator(self.equations) if plain else None

    def weights(self, layer: int) -> list[Weights]:
        """Return the weights of each direction."""
        inputs = self.block.output_size if layer else self.block.input_size
        sizes = self.equations.resolve(inputs, self.block.hidden_size)
        rows = self.arrays[layer * self.directions :][: self.directions]
        return [Weights(self.equations, row, sizes) for row in rows]

    def initial(self, name: str, start: int, count: int) -> str:
        """Return some rows of an initial state, [count, B, W]."""
        if self.given.state is not None and name in self.given.state:
            return self.graph.part(self.given.state[name], start, start + count, 0)
        ends = [self.graph.constant(np.array([n])) for n in (count, self.block.widths[name])]
        rows = self.graph.node("Shape", self.first, start=1, end=2 + self.equations.map.axes)
        shape = self.graph.joined([ends[0], rows, ends[1]], 0)
        zero = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(self.kind)))
        return self.graph.node("ConstantOfShape", shape, value=zero)

    # One Scan for each direction

    @cached_property
    def active(self) -> str | None:
        """Whether a step is within its row's length, bool [T, B, 1]."""
        if self.given.lengths is None:
            return None
        numbers = self.graph.unsqueeze(self.graph.steps(self.first), 1)
        return self.graph.unsqueeze(self.graph.node("Less", numbers, self.given.lengths), *self.wide)

    @cached_property
    def reset(self) -> str | None:
        """Whether a step starts from the initial state, bool [T, B, 1]."""
        return None if self.given.reset is None else self.graph.unsqueeze(self.given.reset, *self.wide)

    @property
    def wide(self) -> range:
        """The axes of a value that [T, B] has not."""
        return range(2, 3 + self.equations.map.axes)

    def scans(self, x: str, layer: int) -> tuple[str, dict[str, str]]:
        """Emit one layer as a loop for each direction."""
        outputs, finals = [], []
        for direction, weights in enumerate(self.weights(layer)):
            row = layer * self.directions + direction
            state = {name: self.graph.squeeze(self.initial(name, row, 1), 0) for name in self.equations.states}
            run = steps.Sequence(x, state, self.active, self.reset, self.given.step_inputs)
            output, final = steps.scan(self.graph, weights, run, self.kind, reverse=direction == 1)
            outputs.append(output)
            finals.append({name: self.graph.unsqueeze(value, 0) for name, value in final.items()})
        joined = {name: self.graph.joined([final[name] for final in finals], 0) for name in self.equations.states}
        return self.graph.joined(outputs, 2 + self.equations.map.axes), joined

    # One operator for all directions

    def node(self, x: str, layer: int) -> tuple[str, dict[str, str]]:
        """Emit one layer as one node."""
        assert self.operator is not None
        row, names = layer * self.directions, self.operator.states
        given = {name: self.initial(name, row, self.directions) for name in names if self.given.state is not None}
        return emit_node(self.graph, self.operator, self.weights(layer), x, given, self.given.lengths)
