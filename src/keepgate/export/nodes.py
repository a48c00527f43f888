"""A layer as one node of ONNX, both directions together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import TensorProto

from keepgate.export.graph import Graph
from keepgate.export.operators import Operator
from keepgate.export.weights import Weights, operator_weights

__all__ = ["emit_node"]

SLOTS = {  # the inputs of each operator
    "LSTM": ("X", "W", "R", "B", "lengths", "h", "c", "P"),
    "GRU": ("X", "W", "R", "B", "lengths", "h"),
    "RNN": ("X", "W", "R", "B", "lengths", "h"),
}


def emit_node(
    graph: Graph,
    operator: Operator,
    weights: Sequence[Weights],
    x: str,
    initial: Mapping[str, str],
    lengths: str | None,
) -> tuple[str, dict[str, str]]:
    """Emit the node of x [T, B, I]; return the output [T, B, D * W] and the final states [D, B, W].

    Args:
        graph: to emit to.
        operator: what the cell is.
        weights: of each direction.
        x: [T, B, I].
        initial: the initial states [D, B, W] by name; none stands for zeros.
        lengths: int64 [B].
    """
    directions = [operator_weights(operator, one_direction) for one_direction in weights]
    arrays = {key: np.stack([one_direction[key] for one_direction in directions]) for key in directions[0]}
    start, entering = arrays.pop("start", None), dict(zip("hc", operator.states, strict=False))
    slots = {slot: initial[name] for slot, name in entering.items() if initial}
    if start is not None and initial:
        arrays["W"] = np.concatenate([arrays["W"], *(_only(start, d) for d in range(len(directions)))], 2)
        x = _with_start(graph, x, slots.pop("h"), len(directions), lengths)
    slots |= {"X": x} | {key: graph.constant(value, key) for key, value in arrays.items()}
    if lengths is not None:
        slots["lengths"] = graph.cast(lengths, TensorProto.INT32)
    output, *final = _node(graph, operator, slots, weights)
    if "out" in slots:
        output, final[0] = (graph.node("MatMul", value, slots["out"]) for value in (output, final[0]))
    size = weights[0].sizes[weights[0].equations.widths[operator.states[0]]]
    shape = graph.constant(np.array([0, 0, len(directions) * size]))
    states = dict(zip(operator.states, final, strict=True))
    if lengths is not None:
        states |= {name: _held(graph, states[name], value, lengths) for name, value in initial.items()}
    return graph.node("Reshape", graph.swap(output, 0, 2, 1, 3), shape), states


def _node(graph: Graph, operator: Operator, slots: Mapping[str, str], weights: Sequence[Weights]) -> list[str]:
    inputs = [slots.get(key, "") for key in SLOTS[operator.name]]
    while not inputs[-1]:
        inputs.pop()
    activations = operator.activations * len(weights)
    return graph.nodes(
        1 + len(operator.states),
        operator.name,
        *inputs,
        hidden_size=weights[0].sizes["hidden"],
        direction="bidirectional" if len(weights) == 2 else "forward",
        activations=[a.name for a in activations],
        activation_alpha=[a.alpha for a in activations if a.alpha is not None] or None,
        activation_beta=[a.beta for a in activations if a.beta is not None] or None,
        **operator.attributes,
    )


def _held(graph: Graph, final: str, initial: str, lengths: str) -> str:
    """Return a final state; of rows of length 0, where runtimes give zeros, the initial one."""
    empty = graph.node("Equal", lengths, graph.constant(np.array([0])))
    return graph.node("Where", graph.unsqueeze(empty, 1), initial, final)


def _with_start(graph: Graph, x: str, initial: str, directions: int, lengths: str | None) -> str:
    """Append to x each direction's initial output, of [D, B, W], at its first step, and else zeros."""
    one, zero = graph.constant(np.array([1])), graph.constant(np.zeros((), np.float32))
    last = graph.node("Sub", lengths or graph.size(x, 0), one)
    parts, steps = [x], graph.unsqueeze(graph.steps(x), 1)
    for direction, first in enumerate([graph.constant(np.array([0])), last][:directions]):
        now = graph.unsqueeze(graph.node("Equal", steps, first), 2)
        parts.append(graph.node("Where", now, graph.part(initial, direction, direction + 1, 0), zero))
    return graph.joined(parts, 2)


def _only(stacked: np.ndarray, direction: int) -> np.ndarray:
    """Return the array of one direction, and zeros for the other."""
    return np.where(np.arange(len(stacked))[:, None, None] == direction, stacked, 0.0).astype(stacked.dtype)
