"""Recurrent layers in an ONNX graph: one operator a layer where ONNX has it, else a `Scan` of the equations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from onnx import helper, numpy_helper

from keepgate.errors import InputError
from keepgate.export.graph import BOOL, DOUBLE, FLOAT, INT64, Graph
from keepgate.export.nodes import draw_node
from keepgate.export.operators import operator
from keepgate.export.steps import Sequence, scan
from keepgate.export.weights import Weights
from keepgate.nn import Recurrent

__all__ = ["Given", "draw_layers", "draw_module"]

KINDS = {torch.float32: FLOAT, torch.float64: DOUBLE}


class Given(NamedTuple):
    """What is given to recurrent layers beside x, as values of the graph, time first; None stands for the default.

    Attributes:
        state: initial states by name, [layers * directions, B, W].
        lengths: int64 [B].
        reset: bool [T, B].
        step_inputs: by name, [T, B, W].
    """

    state: Mapping[str, str] | None = None
    lengths: str | None = None
    reset: str | None = None
    step_inputs: Mapping[str, str] = {}


def draw_module(graph: Graph, module: Recurrent, state: bool, lengths: bool, reset: bool) -> None:
    """Draw a module with inputs and outputs in its own layout."""
    kind, first = _kind(module), module.batch_first
    axes, layout = (["batch", "time"], "B, T") if first else (["time", "batch"], "T, B")
    rows, size = module.num_layers * module.directions, module.equations.resolve(module.input_size, module.hidden_size)
    shapes = {name: [rows, "batch", width] for name, width in module.widths.items()}

    def timed(value: str, *rest: int) -> str:
        return graph.swap(value, 1, 0, *rest) if first else value

    def sequence(name: str, width: int) -> str:
        return timed(graph.input(name, kind, [*axes, width], f"[{layout}, {width}]"), 2)

    x = sequence("input", module.input_size)
    text = "of state {}, [layers * directions, B, W]"
    initial = {name: f"initial_{name}" for name in shapes} if state else {}
    given = Given(
        {name: graph.input(title, kind, shapes[name], text.format(name)) for name, title in initial.items()} or None,
        graph.input("lengths", INT64, ["batch"], "steps of each row, 0 to T, [B]") if lengths else None,
        timed(graph.input("reset", BOOL, axes, f"steps that start anew, [{layout}]")) if reset else None,
        {name: sequence(name, size[width]) for name, width in module.equations.step_inputs.items()},
    )
    output, final = draw_layers(graph, module, x, given)
    width = module.output_size
    graph.output("output", timed(output, 2), kind, [*axes, width], f"[{layout}, {width}]")
    for name, value in final.items():
        graph.output(f"final_{name}", value, kind, shapes[name], text.format(name))


def draw_layers(graph: Graph, module: Recurrent, x: str, given: Given) -> tuple[str, dict[str, str]]:
    """Draw layers over x [T, B, I]; return the output [T, B, D * W] and the final states [layers * D, B, W].

    Raises:
        InputError: the weights are neither float32 nor float64.
    """
    if module.initial_state == "learned" and given.state is None:
        raise InputError("the initial state of this module is learned: export it with state=True and feed h_0_l0, …")
    layers = _Layers(graph, module, x, given)
    graph.metadata |= {"cell": module.cell.name, "operator": layers.operator.name if layers.operator else "Scan"}
    finals = []
    for layer in range(module.num_layers):
        x, final = layers.node(x, layer) if layers.operator else layers.scans(x, layer)
        finals.append(final)
    return x, {name: graph.joined([final[name] for final in finals], 0) for name in module.widths}


def _kind(module: Recurrent) -> int:
    dtype = module.all_weights[0][0].dtype
    if dtype not in KINDS:
        raise InputError(f"export to ONNX takes float32 or float64 weights, got {dtype}; convert by module.float()")
    return KINDS[dtype]


class _Layers:
    """The layers of one module in a graph."""

    def __init__(self, graph: Graph, module: Recurrent, x: str, given: Given) -> None:
        self.graph, self.module, self.given, self.first = graph, module, given, x
        self.kind, self.equations, self.directions = _kind(module), module.equations, module.directions
        plain = self.kind == FLOAT and given.reset is None  # runtimes have the operators in float32
        self.operator = operator(self.equations) if plain else None

    def weights(self, layer: int) -> list[Weights]:
        """Return the weights of each direction."""
        module = self.module
        inputs = module.output_size if layer else module.input_size
        names = [p.name for p in self.equations.parameters(inputs, module.hidden_size, module.bias)]
        rows = module.all_weights[layer * self.directions :][: self.directions]
        sizes = self.equations.resolve(inputs, module.hidden_size)
        arrays = [[w.detach().cpu().numpy() for w in row] for row in rows]
        return [Weights(self.equations, dict(zip(names, row, strict=True)), sizes) for row in arrays]

    def initial(self, name: str, start: int, count: int) -> str:
        """Return some rows of an initial state, [count, B, W]."""
        if self.given.state is not None:
            return self.graph.part(self.given.state[name], start, start + count, 0)
        ends = [self.graph.constant(np.array([n])) for n in (count, self.module.widths[name])]
        shape = self.graph.joined([ends[0], self.graph.size(self.first, 1), ends[1]], 0)
        zero = numpy_helper.from_array(np.zeros(1, helper.tensor_dtype_to_np_dtype(self.kind)))
        return self.graph.node("ConstantOfShape", shape, value=zero)

    # One Scan for each direction

    @cached_property
    def active(self) -> str | None:
        """Whether a step is within its row's length, bool [T, B, 1]."""
        if self.given.lengths is None:
            return None
        numbers = self.graph.unsqueeze(self.graph.steps(self.first), 1)
        return self.graph.unsqueeze(self.graph.node("Less", numbers, self.given.lengths), 2)

    @cached_property
    def reset(self) -> str | None:
        """Whether a step starts from the initial state, bool [T, B, 1]."""
        return None if self.given.reset is None else self.graph.unsqueeze(self.given.reset, 2)

    def scans(self, x: str, layer: int) -> tuple[str, dict[str, str]]:
        """Draw one layer as a loop for each direction."""
        outputs, finals = [], []
        for direction, weights in enumerate(self.weights(layer)):
            row = layer * self.directions + direction
            state = {name: self.graph.squeeze(self.initial(name, row, 1), 0) for name in self.equations.states}
            run = Sequence(x, state, self.active, self.reset, self.given.step_inputs)
            output, final = scan(self.graph, weights, run, self.kind, reverse=direction == 1)
            outputs.append(output)
            finals.append({name: self.graph.unsqueeze(value, 0) for name, value in final.items()})
        joined = {name: self.graph.joined([final[name] for final in finals], 0) for name in self.equations.states}
        return self.graph.joined(outputs, 2), joined

    # One operator for all directions

    def node(self, x: str, layer: int) -> tuple[str, dict[str, str]]:
        """Draw one layer as one node."""
        assert self.operator is not None
        row, names = layer * self.directions, self.operator.states
        given = {name: self.initial(name, row, self.directions) for name in names if self.given.state is not None}
        return draw_node(self.graph, self.operator, self.weights(layer), x, given, self.given.lengths)
