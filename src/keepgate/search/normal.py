"""The normal form of a graph: no value that is needless, no map that could be part of another, no idle state.

A *graph* is what a search changes: the new value of each state by name, the output first, as expressions of
`keepgate.equations`. Mutations leave rubble behind; here it is cleared away, so that candidates are as small as what
they compute, and equal ones look alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from keepgate.equations import Expression, absolute, affine, constant, tanh
from keepgate.equations.expression import topological
from keepgate.equations.graph import rebuild, rewrite
from keepgate.equations.simplify import simplify

__all__ = ["SUMS", "Graph", "affine_of", "normal", "terms"]

Graph = dict[str, Expression]
Rule = Callable[..., Expression | None]

ROUNDS = 20  # more than any graph needs to settle
SUMS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}  # the signs of their terms
POSITIVE = ("relu", "absolute", "sigmoid")


def normal(new: Mapping[str, Expression]) -> Graph:
    """Return the normal form of a graph; it computes the same, but for parameters that were there twice."""
    graph, before = dict(new), None
    for _ in range(ROUNDS):
        graph = _without_idle_states(_simple(graph))
        graph = _merged(_without_equal_states(rewrite(graph, _reduced)))
        if (now := _shape(graph)) == before:
            break
        before = now
    return _simple(graph)


def terms(node: Expression, uses: Mapping[int, int], sign: int = 1) -> Iterator[tuple[int, Expression]]:
    """Yield the terms of a sum, each with its sign; a sum within that is read elsewhere too (`uses`) is one term."""
    for arg, own in zip(node.args, SUMS[node.op], strict=True):
        if arg.op in SUMS and uses[arg.serial] == 1:
            yield from terms(arg, uses, sign * own)
        else:
            yield sign * own, arg


def _simple(graph: Graph) -> Graph:
    return dict(zip(graph, simplify(list(graph.values())), strict=True))


def _shape(graph: Graph) -> tuple[object, ...]:
    nodes = topological(graph.values())
    index = {node.serial: i for i, node in enumerate(nodes)}
    rows = tuple((n.op, n.attrs, *(index[a.serial] for a in n.args)) for n in nodes)
    return (*rows, *((state, index[value.serial]) for state, value in graph.items()))


def _without_idle_states(graph: Graph) -> Graph:
    """Keep the states that the output reads, however indirectly."""
    output = next(iter(graph))
    read, open_ = {output}, [output]
    while open_:
        for node in topological([graph[open_.pop()]]):
            if node.op == "last" and node.attrs[0] not in read:
                read.add(node.attrs[0])
                open_.append(node.attrs[0])
    return {state: value for state, value in graph.items() if state in read}


def _without_equal_states(graph: Graph) -> Graph:
    """Let one state stand for all that have its value: all begin at zero."""
    first: dict[int, str] = {}
    stands = {state: first.setdefault(value.serial, state) for state, value in graph.items()}
    if all(state == other for state, other in stands.items()):
        return graph

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op != "last" or stands[node.attrs[0]] == node.attrs[0]:
            return None
        return Expression("last", (), (stands[node.attrs[0]],), node.width, node.line)

    return rewrite({state: value for state, value in graph.items() if stands[state] == state}, rule)


def _merged(graph: Graph) -> Graph:
    """Make one map of the maps of a sum, where nothing else reads them: a sum of maps is a map.

    Their sources are joined: a source that several have keeps one matrix, as W·x + V·x = (W + V)·x. A map's sign is
    the sign of its weights.
    """
    nodes = topological(graph.values())
    uses = Counter(arg.serial for node in nodes for arg in node.args)
    uses.update(value.serial for value in graph.values())
    gates = Counter(node.attrs[0] for node in nodes if node.op == "affine")
    made: dict[int, Expression] = {}

    def make(node: Expression) -> Expression:
        if node.serial not in made:
            sum_ = list(terms(node, uses)) if node.op in SUMS else []
            mine = [t for _, t in sum_ if t.op == "affine" and uses[t.serial] == 1 and gates[t.attrs[0]] == 1]
            signs = [sign for sign, t in sum_ if t in mine]
            if len(mine) > 1 or -1 in signs:
                rest = [(sign, make(t)) for sign, t in sum_ if t not in mine]
                first = affine_of(mine[0].attrs[0], [make(source) for map_ in mine for source in map_.args])
                made[node.serial] = _total(first, rest)
            elif node.op == "affine":
                gate, _, biased = node.attrs
                made[node.serial] = affine_of(gate, map(make, node.args), bool(biased))
            else:
                made[node.serial] = rebuild(node, tuple(make(arg) for arg in node.args))
        return made[node.serial]

    for node in nodes:  # so that what is made keeps the order in which it was written
        make(node)
    return {state: made[value.serial] for state, value in graph.items()}


def _total(first: Expression, rest: list[tuple[int, Expression]]) -> Expression:
    for sign, term in rest:
        first = first + term if sign > 0 else first - term
    return first


def affine_of(gate: str, sources: Iterable[Expression], bias: bool = True) -> Expression:
    """Return an affine map of sources, each once; what is computed gets its letter when the cell is written."""
    lettered: dict[str, Any] = {}
    for i, source in enumerate({source.serial: source for source in sources}.values()):
        letter = "i" if source.op == "input" else source.attrs[0] if source.op == "last" else f"m{i}"
        lettered.setdefault(letter, source)
    return affine(gate, bias=bias, **lettered)


def _reduced(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
    """Apply the first rule that fits."""
    rule = RULES.get(node.op)
    return rule(*args) if rule else None


def _is(node: Expression, value: float) -> bool:
    return node.op == "constant" and node.attrs[0] == value


def _add(a: Expression, b: Expression) -> Expression | None:
    if a is b:
        return 2 * a
    if b.op == "constant":
        return _shifted(a, b.attrs[0])
    if a.op == "constant":
        return _shifted(b, a.attrs[0]) if _offset(b)[1] else None
    return a - b.args[0] if b.op == "negative" else b - a.args[0] if a.op == "negative" else None


def _subtract(a: Expression, b: Expression) -> Expression | None:
    if a is b:
        return constant(0)
    if b.op == "constant":
        return _shifted(a, -b.attrs[0])
    if b.op == "subtract" and a.op == "constant" and b.args[0].op == "constant":
        return (a.attrs[0] - b.args[0].attrs[0]) + b.args[1]
    return None


def _offset(node: Expression) -> tuple[Expression, float]:
    """Return what a number is added to, and the number."""
    if node.op in ("add", "subtract") and node.args[1].op == "constant":
        return node.args[0], node.args[1].attrs[0] * SUMS[node.op][1]
    return node, 0.0


def _shifted(node: Expression, by: float) -> Expression:
    base, offset = _offset(node)
    total = offset + by
    return base + total if total > 0 else base - -total if total < 0 else base


def _multiply(a: Expression, b: Expression) -> Expression | None:
    if _is(a, -1) or _is(b, -1):
        return -(b if _is(a, -1) else a)
    if b.op == "constant" and a.op != "constant":
        return b * a
    if a.op == "constant" and b.op == "multiply" and b.args[0].op == "constant":
        return (a.attrs[0] * b.args[0].attrs[0]) * b.args[1]
    return None


def _relu(a: Expression) -> Expression | None:
    return a if a.op in POSITIVE else None


def _absolute(a: Expression) -> Expression | None:
    return absolute(a.args[0]) if a.op == "negative" else _relu(a)


def _normalize(a: Expression) -> Expression | None:
    return a if a.op == "normalize" else constant(0) if a.op == "constant" else None


def _same(a: Expression, b: Expression) -> Expression | None:
    return a if a is b else None


RULES: dict[str, Rule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "relu": _relu,
    "absolute": _absolute,
    "minimum": _same,
    "maximum": _same,
    "normalize": _normalize,
    "tanh": lambda a: -tanh(a.args[0]) if a.op == "negative" else None,
}
