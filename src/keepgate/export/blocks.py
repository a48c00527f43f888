"""The blocks of `keepgate.networks` in an ONNX graph, in inference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import helper

from keepgate import networks as blocks
from keepgate.export.crf import emit_crf
from keepgate.export.graph import DOUBLE, INT64, Graph
from keepgate.export.layers import LayerInputs, emit_layers
from keepgate.networks import Block

__all__ = ["FUNCTIONS", "At"]

END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class At:
    """Where a function adds nodes.

    Attributes:
        graph: to add to.
        block: of the step.
        arrays: its tensors, by name.
        tensors: their names in the graph.
        tied: the name of a weight that it shares with another step.
        kind: ONNX's number of the floating-point type.
        axes: the number of axes of its first source.
    """

    graph: Graph
    block: Any
    arrays: dict[str, np.ndarray]
    tensors: dict[str, str]
    tied: str | None
    kind: int
    axes: int

    def number(self, value: float, kind: int | None = None) -> str:
        """Return a constant in the dtype of the weights, or in another."""
        dtype = helper.tensor_dtype_to_np_dtype(kind or self.kind)
        return self.graph.constant(np.array(value, dtype))

    def inside(self, x: str, lengths: str) -> str:
        """Return whether each step of x [B, T, ...] is within its row's length, [B, T, 1]."""
        zero, one = self.number(0, INT64), self.number(1, INT64)
        steps = self.graph.node("Range", zero, self.graph.squeeze(self.graph.size(x, 1), 0), one)
        return self.graph.unsqueeze(self.graph.node("Less", steps, self.graph.unsqueeze(lengths, 1)), 2)

    def product(self, x: str, weight: str) -> str:
        """Return x W'."""
        return self.graph.node("MatMul", x, self.graph.swap(weight, 1, 0))

    def counts(self, *numbers: int) -> str:
        """Return whole numbers as a constant, [their number]."""
        return self.graph.constant(np.array(numbers))


def same(at: At, x: str, *others: str) -> str:
    """Return x: what acts in training only."""
    return x


def _activation(at: At, x: str) -> str:
    return at.graph.node({"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu"}[at.block.function], x)


def _standardize(at: At, x: str) -> str:
    mean, scale = at.tensors["mean"], at.tensors["scale"]
    if at.block.restore:
        return at.graph.node("Add", at.graph.node("Mul", at.graph.cast(x, DOUBLE), scale), mean)
    return at.graph.cast(at.graph.node("Div", at.graph.node("Sub", x, mean), scale), at.kind)


def _embedding(at: At, symbols: str) -> str:
    vectors = at.graph.node("Gather", at.tensors["weight"], symbols)
    return vectors if at.block.scale == 1 else at.graph.node("Mul", vectors, at.number(at.block.scale))


def _linear(at: At, x: str) -> str:
    product = at.product(x, at.tied or at.tensors["weight"])
    return at.graph.node("Add", product, at.tensors["bias"]) if at.block.bias else product


def _recurrent(at: At, x: str, lengths: str = "", *states: str) -> list[str]:
    block: blocks.Recurrent = at.block
    given = {name: at.graph.swap(state, 1, 0, 2) for name, state in zip(block.widths, states, strict=False) if state}
    rows = [
        {name: at.arrays[name + suffix] for name in row}
        for row, suffix in zip(block.rows(), block.suffixes, strict=True)
    ]
    x = x if block.time_first else at.graph.swap(x, 1, 0, 2)
    output, final = emit_layers(at.graph, block, rows, x, LayerInputs(given or None, lengths or None))
    output = output if block.time_first else at.graph.swap(output, 1, 0, 2)
    return [output, *(at.graph.swap(value, 1, 0, 2) for value in final.values())]


def _attention(at: At, query: str, memory: str, lengths: str) -> list[str]:
    graph = at.graph
    scores = graph.node("MatMul", at.product(query, at.tensors["query.weight"]), graph.swap(memory, 0, 2, 1))
    within = graph.swap(at.inside(memory, lengths), 0, 2, 1)
    weights = graph.node("Softmax", graph.node("Where", within, scores, at.number(-math.inf)), axis=-1)
    return [graph.node("MatMul", weights, memory), weights]


def _average(at: At, *values: str) -> str:
    graph = at.graph
    if at.block.probabilities:
        scores = [graph.unsqueeze(graph.node("LogSoftmax", value, axis=-1), 0) for value in values]
        sums = graph.node("ReduceLogSumExp", graph.joined(scores, 0), at.counts(0), keepdims=0)
        averaged = graph.node("Add", sums, at.number(-math.log(len(values))))
    else:
        averaged = graph.node("Mul", graph.node("Sum", *values), at.number(1 / len(values)))
    return graph.node("Mul", averaged, at.tensors["scale"])


def _adaptive_softmax(at: At, x: str) -> str:
    graph, first, axis = at.graph, at.block.cutoffs[0], at.axes - 1
    head = graph.node("LogSoftmax", at.product(x, at.tensors["head.weight"]), axis=-1)
    parts = [graph.part(head, 0, first, axis)]
    for k in range(len(at.block.cutoffs)):
        inner, outer = (at.tensors[f"tail.{k}.{n}.weight"] for n in (0, 1))
        tail = graph.node("LogSoftmax", at.product(at.product(x, inner), outer), axis=-1)
        parts.append(graph.node("Add", tail, graph.part(head, first + k, first + k + 1, axis)))
    return graph.node("Gather", graph.joined(parts, axis), at.counts(*at.block.ranks), axis=axis)


def _crf(at: At, emissions: str, lengths: str) -> list[str]:
    tensors = [at.tensors[name] for name in ("transitions", "start", "end")]
    return emit_crf(at.graph, at.kind, emissions, at.inside(emissions, lengths), tensors, at.block.tags)


def _centre(at: At, x: str, lengths: str) -> str:
    graph, steps = at.graph, at.counts(1)
    sums = graph.node("ReduceSum", graph.node("Where", at.inside(x, lengths), x, at.number(0, DOUBLE)), steps)
    return graph.node("Sub", x, graph.node("Div", sums, graph.unsqueeze(graph.cast(lengths, DOUBLE), 1, 2)))


def _reverse(at: At, x: str, lengths: str) -> str:
    return at.graph.node("ReverseSequence", x, lengths, batch_axis=0, time_axis=1)


def _stack(at: At, x: str, lengths: str) -> list[str]:
    padded, steps, lengths = _filled(at, x, lengths, 0)
    width = at.graph.node("Mul", at.graph.size(x, 2), at.counts(at.block.count))
    return [at.graph.node("Reshape", padded, at.graph.joined([at.graph.size(x, 0), steps, width], 0)), lengths]


def _lookup(at: At, table: str, numbers: str) -> str:
    if at.axes == 2:
        return at.graph.node("Gather", table, numbers)
    return at.graph.node("GatherND", table, at.graph.unsqueeze(numbers, 2), batch_dims=1)


def _max_pool(at: At, x: str, lengths: str) -> list[str]:
    graph, count = at.graph, at.counts(at.block.count)
    padded, steps, lengths = _filled(at, x, lengths, -math.inf)
    groups = graph.node("Reshape", padded, graph.joined([graph.size(x, 0), steps, count, graph.size(x, 2)], 0))
    greatest = graph.node("ReduceMax", groups, at.counts(2), keepdims=0)
    return [graph.node("Where", at.inside(greatest, lengths), greatest, at.number(0)), lengths]


def _filled(at: At, x: str, lengths: str, value: float) -> list[str]:
    """Return x with a value past the lengths, up to whole groups of `count` steps; the groups, and how many per row."""
    graph, count, none, filler = at.graph, at.counts(at.block.count), at.counts(0), at.number(value)
    within = graph.node("Where", at.inside(x, lengths), x, filler)
    missing = graph.node("Mod", graph.node("Neg", graph.size(x, 1)), count)
    padded = graph.node("Pad", within, graph.joined([none, none, none, none, missing, none], 0), filler)
    more = graph.node("Add", lengths, at.counts(at.block.count - 1))
    return [padded, graph.node("Div", graph.size(padded, 1), count), graph.node("Div", more, count)]


def _convolution(at: At, x: str, lengths: str) -> str:
    within = at.graph.node("Where", at.inside(x, lengths), x, at.number(0))
    weight, pads = at.tensors["weight"], list(at.block.padding)
    return at.graph.swap(at.graph.node("Conv", at.graph.swap(within, 0, 2, 1), weight, pads=pads), 0, 2, 1)


def _batch_norm(at: At, x: str, lengths: str) -> str:
    graph, mean, variance, weight, bias = at.graph, *(at.tensors[n] for n in ("mean", "variance", "weight", "bias"))
    deviation = graph.node("Sqrt", graph.node("Add", variance, at.number(at.block.EPSILON)))
    scaled = graph.node("Mul", graph.node("Div", graph.node("Sub", x, mean), deviation), weight)
    return graph.node("Add", scaled, bias)


def _patches(at: At, x: str) -> str:
    graph, count = at.graph, at.counts(at.block.count)
    steps = graph.size(x, 1)
    whole = graph.node("Slice", x, graph.node("Mod", steps, count), steps, at.counts(1))
    shape = [graph.size(x, 0), graph.node("Div", steps, count), graph.node("Mul", graph.size(x, 2), count)]
    return graph.node("Reshape", whole, graph.joined(shape, 0))


def _pool(at: At, x: str, lengths: str) -> str:
    graph, steps, mean = at.graph, at.counts(1), at.block.of == "mean"
    within = graph.node("Where", at.inside(x, lengths), x, at.number(0 if mean else -math.inf))
    pooled = graph.node("ReduceSum" if mean else "ReduceMax", within, steps, keepdims=0)
    return graph.node("Div", pooled, graph.unsqueeze(graph.cast(lengths, at.kind), 1)) if mean else pooled


def _last(at: At, state: str) -> str:
    top = at.graph.part(state, -at.block.rows, END, 1)
    width = at.graph.node("Mul", at.graph.size(state, 2), at.counts(at.block.rows))
    return at.graph.node("Reshape", top, at.graph.joined([at.graph.size(state, 0), width], 0))


def _repeat(at: At, x: str, lengths: str) -> str:
    steps = at.graph.node("ReduceMax", lengths, keepdims=1)
    shape = at.graph.joined([at.graph.size(x, 0), steps, at.graph.size(x, 1)], 0)
    return at.graph.node("Expand", at.graph.unsqueeze(x, 1), shape)


def _reshape(at: At, x: str) -> str:
    return at.graph.node("Reshape", x, at.counts(*[0] * (at.axes - 1), *at.block.sizes))


def _window_norm(at: At, x: str, spread: str = "") -> list[str]:
    graph, rows, zero, one = at.graph, at.counts(1), at.number(0, DOUBLE), at.number(1, DOUBLE)
    mean = graph.node("ReduceMean", x, rows)
    centred = graph.node("Sub", x, mean)
    if not spread:
        variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), rows)
        extremes = graph.node("ReduceMax", x, rows), graph.node("ReduceMin", x, rows)
        spread = graph.node("Where", graph.node("Greater", *extremes), graph.node("Sqrt", variance), zero)
    divisor = graph.node("Where", graph.node("Greater", spread, zero), spread, one)
    return [graph.cast(graph.node("Div", centred, divisor), at.kind), mean, spread]


def _restore(at: At, x: str, mean: str, spread: str) -> str:
    graph, x = at.graph, at.graph.cast(x, DOUBLE)
    rest = graph.part(x, 1, END, 2)
    ascending = graph.nodes(2, "TopK", rest, graph.size(rest, 2), largest=0)[0]
    ordered = graph.joined([graph.part(x, 0, 1, 2), ascending], 2)
    scaled = graph.node("Mul", ordered, graph.part(spread, 0, 1, 2))
    return graph.node("Add", scaled, graph.part(mean, 0, 1, 2))


def _distribution(at: At, x: str, mean: str, spread: str) -> str:
    graph, x = at.graph, at.graph.cast(x, DOUBLE)
    first, second, third = (graph.part(x, k, k + 1, 2) for k in range(3))
    mean, spread = (graph.part(value, 0, 1, 2) for value in (mean, spread))
    one, tiny = at.number(1, DOUBLE), at.number(1e-6, DOUBLE)
    place = graph.node("Add", graph.node("Mul", first, spread), mean)
    wide = graph.node("Exp", second)
    if at.block.family == "student-t":
        degrees = graph.node("Mul", graph.node("Sigmoid", third), at.number(48, DOUBLE))
        degrees = graph.node("Add", degrees, at.number(2, DOUBLE))
        return graph.joined([place, graph.node("Mul", wide, spread), degrees], 2)
    bend = graph.node("Div", graph.node("Add", graph.node("Abs", mean), one), at.number(10, DOUBLE))
    ratio = graph.node("Div", place, bend)
    tail = graph.node("Exp", graph.node("Neg", graph.node("Abs", ratio)))
    softplus = graph.node("Add", graph.node("Relu", ratio), graph.node("Log", graph.node("Add", tail, one)))
    return graph.node("Add", graph.joined([graph.node("Mul", bend, softplus), wide], 2), tiny)


FUNCTIONS: dict[type[Block], Callable[..., Any]] = {  # from `At` and the sources to the result, or a list of them
    blocks.Activation: _activation,
    blocks.AdaptiveSoftmax: _adaptive_softmax,
    blocks.Add: lambda at, x, y: at.graph.node("Add", x, y),
    blocks.Attention: _attention,
    blocks.Average: _average,
    blocks.BatchNorm: _batch_norm,
    blocks.Centre: _centre,
    blocks.Concat: lambda at, *values: at.graph.joined(values, -1),
    blocks.Convolution: _convolution,
    blocks.Crf: _crf,
    blocks.Distribution: _distribution,
    blocks.Dropout: same,
    blocks.Embedding: _embedding,
    blocks.Last: _last,
    blocks.Linear: _linear,
    blocks.Lookup: _lookup,
    blocks.MaxPool: _max_pool,
    blocks.Noise: same,
    blocks.Patches: _patches,
    blocks.Pool: _pool,
    blocks.Recurrent: _recurrent,
    blocks.Repeat: _repeat,
    blocks.Reshape: _reshape,
    blocks.Restore: _restore,
    blocks.Reverse: _reverse,
    blocks.Scale: lambda at, x: at.graph.node("Mul", x, at.number(at.block.factor)),
    blocks.Select: lambda at, x: at.graph.node("Gather", x, at.number(at.block.index, INT64), axis=-1),
    blocks.Softmax: lambda at, x: at.graph.node("LogSoftmax" if at.block.log else "Softmax", x, axis=-1),
    blocks.Stack: _stack,
    blocks.Standardize: _standardize,
    blocks.SymbolDropout: same,
    blocks.WindowNorm: _window_norm,
}
