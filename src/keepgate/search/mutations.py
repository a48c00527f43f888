"""Mutations of a graph, one row each of `MUTATIONS`, and the crossing of two graphs.

Each takes a graph and a `Draw` and returns a changed graph, which `settle` clears up and may find unfit; none looks at
what the cell is good for. The kinds are those of Bayer et al. 2009, "Evolving Memory Cell Structures for Sequence
Learning", and of Jozefowicz et al. 2015, section 3.1, and some that their languages had no word for: peepholes, states.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from keepgate.equations import Expression, constant, sigmoid, vector
from keepgate.equations.expression import SourceLine, expression, topological
from keepgate.equations.graph import rebuild, rewrite
from keepgate.search.normal import Graph, affine_of
from keepgate.search.rules import Unfit
from keepgate.search.writing import STATES

__all__ = ["FUNCTIONS", "MUTATIONS", "OPERATORS", "Draw", "cross", "mutate"]

T = TypeVar("T")

OPERATORS = ("add", "subtract", "multiply", "minimum", "maximum")
FUNCTIONS = ("sigmoid", "tanh", "relu", "absolute", "softplus", "normalize")
OFTEN = ("sigmoid", "tanh", "tanh", "relu", "softplus", "normalize")  # of which a new function is drawn
SHIFTS = (-2.0, -1.0, 1.0, 2.0)
SCALES = (0.5, 2.0)
LINE = SourceLine("search", 0)


class Draw:
    """Random choices, and names that a graph does not have yet."""

    def __init__(self, random: np.random.Generator):
        self.random, self.names = random, itertools.count()

    def one(self, among: Sequence[T]) -> T:
        """Return one of several.

        Raises:
            Unfit: there is none.
        """
        if not among:
            raise Unfit("nothing to change")
        return among[int(self.random.integers(len(among)))]

    def name(self) -> str:
        """Return the name of a new gate or vector."""
        return f"new{next(self.names)}"


def mutate(graph: Graph, draw: Draw, times: int) -> tuple[Graph, list[str]]:
    """Return a graph after so many mutations, and their names.

    Raises:
        Unfit: one of them finds nothing to change.
    """
    done = []
    for _ in range(times):
        name = draw.one(list(MUTATIONS))
        graph = MUTATIONS[name](graph, draw)
        done.append(name)
    return graph, done


def cross(graph: Graph, other: Graph, draw: Draw) -> Graph:
    """Put a value of another graph in the place of one of this; it reads this graph's states.

    Raises:
        Unfit: there is nothing to put.
    """
    old, new = draw.one(_computed(graph)), draw.one(_computed(other))
    states, named = list(graph), {}

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op == "last":
            at = list(other).index(node.attrs[0])
            return Expression("last", (), (states[min(at, len(states) - 1)],), node.width, LINE)
        if node.op in ("affine", "vector"):
            name = named.setdefault((node.op, node.attrs[0]), draw.name())
            return affine_of(name, args) if node.op == "affine" else vector(name, node.attrs[1])
        return None

    return _put(graph, old, rewrite({"": new}, rule)[""])


def _nodes(graph: Graph) -> list[Expression]:
    return topological(graph.values())


def _computed(graph: Graph) -> list[Expression]:
    """Return the values of one number a unit that are computed."""
    return [node for node in _nodes(graph) if node.args and node.width == "hidden"]


def _wide(graph: Graph, before: Expression | None = None) -> list[Expression]:
    """Return the values of one number a unit, and the last states; if wished, those that a value may read."""
    below = [node for node in _nodes(graph) if node.width == "hidden"]
    if before is not None:
        above = _above(graph, before)
        below = [node for node in below if node.serial not in above]
    known = {node.attrs[0] for node in below if node.op == "last"}
    return below + [_last(state) for state in graph if state not in known]


def _above(graph: Graph, value: Expression) -> set[int]:
    """Return a value and all that read it."""
    found = {value.serial}
    for node in _nodes(graph):
        if any(arg.serial in found for arg in node.args):
            found.add(node.serial)
    return found


def _last(state: str) -> Expression:
    return Expression("last", (), (state,), "hidden", LINE)


def _input() -> Expression:
    return Expression("input", (), (), "input", LINE)


def _put(graph: Graph, old: Expression, new: Expression) -> Graph:
    """Put a new value, which may read the old one, wherever the old one is read."""
    made: dict[int, Expression] = {}

    def make(node: Expression) -> Expression:
        if node is old:
            return new
        if node.serial not in made:
            made[node.serial] = node if not node.args else rebuild(node, tuple(map(make, node.args)))
        return made[node.serial]

    return {state: make(value) for state, value in graph.items()}


def _gate(graph: Graph, draw: Draw) -> Expression:
    """Return a new gate that sees the input and a state."""
    return sigmoid(affine_of(draw.name(), [_input(), _last(draw.one(list(graph)))]))


def _replace_operation(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op in OPERATORS])
    return _put(graph, node, expression(draw.one([op for op in OPERATORS if op != node.op]), *node.args))


def _change_function(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op in FUNCTIONS])
    return _put(graph, node, _function(draw.one([op for op in OFTEN if op != node.op]), node.args[0]))


def _function(op: str, value: Expression) -> Expression:
    return Expression(op, (value,), (), value.width, LINE)


def _insert_function(graph: Graph, draw: Draw) -> Graph:
    node = draw.one(_computed(graph))
    return _put(graph, node, _function(draw.one(OFTEN), node))


def _insert_gate(graph: Graph, draw: Draw) -> Graph:
    node = draw.one(_computed(graph))
    return _put(graph, node, _gate(graph, draw) * node)


def _insert_operation(graph: Graph, draw: Draw) -> Graph:
    node = draw.one(_computed(graph))
    return _put(graph, node, expression(draw.one(OPERATORS), node, draw.one(_wide(graph, node))))


def _insert_leak(graph: Graph, draw: Draw) -> Graph:
    """Let a gate choose between a value and a last state."""
    node, gate = draw.one(_computed(graph)), _gate(graph, draw)
    return _put(graph, node, gate * node + (1 - gate) * _last(draw.one(list(graph))))


def _remove_node(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if any(arg.width == "hidden" for arg in n.args)])
    return _put(graph, node, draw.one([arg for arg in node.args if arg.width == "hidden"]))


def _rewire(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op != "affine"])
    at = int(draw.random.integers(len(node.args)))
    args = list(node.args)
    args[at] = draw.one(_wide(graph, node))
    return _put(graph, node, expression(node.op, *args) if node.op != "normalize" else _function("normalize", args[0]))


def _add_source(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op == "affine"])
    source = draw.one([_input(), *_wide(graph, node)])
    return _put(graph, node, affine_of(draw.name(), [*node.args, source]))


def _drop_source(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op == "affine" and len(n.args) > 1])
    at = int(draw.random.integers(len(node.args)))
    return _put(graph, node, affine_of(draw.name(), [*node.args[:at], *node.args[at + 1 :]]))


def _swap_source(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op == "affine"])
    at = int(draw.random.integers(len(node.args)))
    source = draw.one([_input(), *_wide(graph, node)])
    return _put(graph, node, affine_of(draw.name(), [*node.args[:at], source, *node.args[at + 1 :]]))


def _peephole(graph: Graph, draw: Draw) -> Graph:
    node = draw.one([n for n in _computed(graph) if n.op == "affine"])
    seen = draw.one(_wide(graph, node))
    return _put(graph, node, node + vector(draw.name()) * seen)


def _tie_gates(graph: Graph, draw: Draw) -> Graph:
    """Put one gate, or what it leaves, in the place of another."""
    gates = [n for n in _computed(graph) if n.op == "sigmoid"]
    node = draw.one(gates)
    above = _above(graph, node)
    other = draw.one([gate for gate in gates if gate.serial not in above])
    return _put(graph, node, draw.one([other, 1 - other]))


def _shift(graph: Graph, draw: Draw) -> Graph:
    """Begin a gate more open or more closed."""
    node = draw.one([n for n in _computed(graph) if n.op in ("sigmoid", "tanh", "softplus")])
    return _put(graph, node, _function(node.op, node.args[0] + draw.one(SHIFTS)))


def _scale(graph: Graph, draw: Draw) -> Graph:
    node = draw.one(_computed(graph))
    return _put(graph, node, constant(draw.one(SCALES)) * node)


def _add_state(graph: Graph, draw: Draw) -> Graph:
    """Keep a value in a leaky state of its own, and add that to a value."""
    state = draw.one([name for name in STATES if name not in graph])
    kept, gate = draw.one(_computed(graph)), _gate(graph, draw)
    memory = gate * _last(state) + (1 - gate) * kept
    read = draw.one([n for n in _computed(graph) if n.serial not in _below(kept)])
    return {**_put(graph, read, read + memory), state: memory}


def _below(value: Expression) -> set[int]:
    return {node.serial for node in topological([value])}


def _drop_state(graph: Graph, draw: Draw) -> Graph:
    state = draw.one(list(graph)[1:])
    instead = draw.one([name for name in graph if name != state])

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op == "affine":
            return affine_of(node.attrs[0], args)
        return _last(instead) if node.op == "last" and node.attrs[0] == state else None

    return rewrite({name: value for name, value in graph.items() if name != state}, rule)


MUTATIONS: dict[str, Callable[[Graph, Draw], Graph]] = {
    "replace operation": _replace_operation,
    "change function": _change_function,
    "insert function": _insert_function,
    "insert gate": _insert_gate,
    "insert operation": _insert_operation,
    "insert leak": _insert_leak,
    "remove node": _remove_node,
    "rewire": _rewire,
    "add source": _add_source,
    "drop source": _drop_source,
    "swap source": _swap_source,
    "peephole": _peephole,
    "tie gates": _tie_gates,
    "shift gate": _shift,
    "scale": _scale,
    "add state": _add_state,
    "drop state": _drop_state,
}
