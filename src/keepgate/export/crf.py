"""A linear-chain conditional random field in an ONNX graph: the best path and the marginals, by loops over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keepgate.export.graph import BOOL, INT64, Graph

__all__ = ["emit_crf"]


class _Field(NamedTuple):
    """A field over emissions x [T, B, C] of a number type; active [T, B, 1] and first [T, 1, 1] are booleans.

    `moves` is the transitions, [1, C, C] from the first tag to the second.
    """

    graph: Graph
    kind: int
    tags: int
    x: str
    active: str
    first: str
    moves: str
    start: str
    end: str


def emit_crf(graph: Graph, kind: int, x: str, inside: str, tensors: Sequence[str], tags: int) -> list[str]:
    """Emit the best path [B, T], -1 past a length, and the marginals [B, T, C], 0 there.

    Args:
        graph: to emit to.
        kind: of the emissions.
        x: the emissions [B, T, C].
        inside: whether a step is within its row's length, bool [B, T, 1].
        tensors: the transitions [C, C], start and end [C].
        tags: C.
    """
    transitions, start, end = tensors
    x, active = graph.swap(x, 1, 0, 2), graph.swap(inside, 1, 0, 2)
    zero = graph.constant(np.array(0))
    first = graph.unsqueeze(graph.node("Equal", graph.steps(x), zero), 1, 2)
    field = _Field(graph, kind, tags, x, active, first, graph.unsqueeze(transitions, 0), start, end)
    scores, came_from = _scan(field, _best, [first], [(kind, [tags]), (INT64, [tags])])
    last = graph.node("ArgMax", graph.node("Add", scores, end), axis=1, keepdims=1)
    path = _walk_back(field, last, came_from)
    alphas_end, alphas = _scan(field, _forward, [first], [(kind, [tags]), (kind, [tags])])
    total = graph.node("ReduceLogSumExp", graph.node("Add", alphas_end, end), graph.constant(np.array([1])))
    _, betas = _scan(field, _backward, [], [(kind, [tags]), (kind, [tags])], reverse=True)
    chances = graph.node("Exp", graph.node("Sub", graph.node("Add", alphas, betas), total))
    marginals = graph.node("Where", active, chances, _zeros(graph, field))
    return [graph.swap(graph.squeeze(path, 2), 1, 0), graph.swap(marginals, 1, 0, 2)]


Body = Callable[[Graph, _Field, str, str, str, str], tuple[str, str]]  # x, active, first, state -> new state, emitted


def _scan(
    field: _Field, body: Body, further: Sequence[str], results: Sequence[tuple[int, list[int]]], reverse: bool = False
) -> tuple[str, str]:
    """Emit a loop over time from scores [B, C]; return the last scores and what each step emits, [T, B, C]."""
    graph, inner = field.graph, field.graph.body(f"{body.__name__.strip('_')} of the field")
    shape = ["batch", field.tags]
    state = inner.input(inner.unused("state"), field.kind, shape)
    x = inner.input(inner.unused("x"), field.kind, shape)
    active = inner.input(inner.unused("active"), BOOL, ["batch", 1])
    first = inner.input(inner.unused("first"), BOOL, [1, 1]) if further else ""
    for value, (kind, size) in zip(body(inner, field, x, active, first, state), results, strict=True):
        inner.output(inner.unused("result"), value, kind, ["batch", *size])
    begin = field.end if reverse else _zeros(graph, field)
    initial = graph.node("Expand", begin, graph.joined([graph.size(field.x, 1), graph.size(field.x, 2)], 0))
    sequences = [field.x, field.active, *further]
    last, emitted = graph.nodes(
        2,
        "Scan",
        initial,
        *sequences,
        body=inner.proto(),
        num_scan_inputs=len(sequences),
        scan_input_directions=[int(reverse)] * len(sequences),
        scan_output_directions=[int(reverse)],
    )
    return last, emitted


def _best(inner: Graph, field: _Field, x: str, active: str, first: str, state: str) -> tuple[str, str]:
    """Viterbi 1967: the best score of a path to each tag, and the tag before it."""
    through = inner.node("Add", inner.unsqueeze(state, 2), field.moves)
    best = inner.node("ReduceMax", through, inner.constant(np.array([1])), keepdims=0)
    new = inner.node("Add", inner.node("Where", first, field.start, best), x)
    itself = inner.constant(np.arange(field.tags)[None])
    before = inner.node("Where", active, inner.node("ArgMax", through, axis=1, keepdims=0), itself)
    return inner.node("Where", active, new, state), before


def _forward(inner: Graph, field: _Field, x: str, active: str, first: str, state: str) -> tuple[str, str]:
    """Return the logarithm of the sum over all paths to each tag."""
    through = inner.node("Add", inner.unsqueeze(state, 2), field.moves)
    sums = inner.node("ReduceLogSumExp", through, inner.constant(np.array([1])), keepdims=0)
    new = inner.node("Add", inner.node("Where", first, field.start, sums), x)
    new = inner.node("Where", active, new, state)
    return new, inner.node("Identity", new)


def _backward(inner: Graph, field: _Field, x: str, active: str, first: str, state: str) -> tuple[str, str]:
    """Return the logarithm of the sum over all paths from each tag; the state is that of the step after."""
    onward = inner.node("Add", field.moves, inner.unsqueeze(inner.node("Add", x, state), 1))
    before = inner.node("ReduceLogSumExp", onward, inner.constant(np.array([2])), keepdims=0)
    return inner.node("Where", active, before, state), inner.node("Identity", state)


def _walk_back(field: _Field, last: str, came_from: str) -> str:
    """Emit the walk from the last tags [B, 1] back along the tags before; return the path [T, B, 1]."""
    graph, inner = field.graph, field.graph.body("walk back")
    tag = inner.input(inner.unused("tag"), INT64, ["batch", 1])
    before = inner.input(inner.unused("before"), INT64, ["batch", field.tags])
    active = inner.input(inner.unused("active"), BOOL, ["batch", 1])
    inner.output(inner.unused("result"), inner.node("GatherElements", before, tag, axis=1), INT64, ["batch", 1])
    told = inner.node("Where", active, tag, inner.constant(np.array(-1)))
    inner.output(inner.unused("result"), told, INT64, ["batch", 1])
    directions = {"scan_input_directions": [1, 1], "scan_output_directions": [1]}
    body = inner.proto()
    return graph.nodes(2, "Scan", last, came_from, field.active, body=body, num_scan_inputs=2, **directions)[1]


def _zeros(graph: Graph, field: _Field) -> str:
    return graph.node("CastLike", graph.constant(np.zeros(field.tags)), field.x)
