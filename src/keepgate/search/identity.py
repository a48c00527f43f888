"""When two cells are one: their graphs are the same but for names and order, or they compute the same numbers."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping

import numpy as np

from keepgate.equations import Expression
from keepgate.equations.expression import topological
from keepgate.equations.operations import OPERATIONS
from keepgate.search.normal import SUMS, Graph, terms
from keepgate.search.rules import Unfit

__all__ = ["form", "look"]

COMMUTATIVE = ("multiply", "minimum", "maximum", "affine")
UNITS, INPUTS, ROWS, STEPS = 4, 3, 2, 3  # of the trial on random numbers
DIGITS = 7  # that two cells have to share


def form(graph: Graph) -> str:
    """Return a hash that equal graphs share, however their gates and states are called and their sums are ordered.

    Values are told apart by what they are made of and by who reads them (colours are refined as by Weisfeiler & Leman
    1968), so that a map that two gates share is not taken for two maps.
    """
    nodes = topological(graph.values())
    uses: dict[int, int] = dict.fromkeys((node.serial for node in nodes), 0)
    for node in nodes:
        for arg in node.args:
            uses[arg.serial] += 1
    for value in graph.values():
        uses[value.serial] += 1
    parts = {node.serial: _parts(node, uses) for node in nodes}
    output = next(iter(graph))
    colors = {node.serial: _hash(_label(node)) for node in nodes}
    for _ in range(len(nodes)):
        states = {state: colors[value.serial] for state, value in graph.items()}
        new: dict[int, str] = {}
        for node in nodes:
            below = [f"{role}{new[arg.serial]}" for role, arg in parts[node.serial]]
            before = states[node.attrs[0]] if node.op == "last" else ""
            new[node.serial] = _hash(_label(node), colors[node.serial], before, *sorted(below))
        read: dict[int, list[str]] = {node.serial: [] for node in nodes}
        for node in nodes:
            for role, arg in parts[node.serial]:
                read[arg.serial].append(role + new[node.serial])
        ends = {value.serial: "output" if state == output else "state" for state, value in graph.items()}
        new = {n.serial: _hash(new[n.serial], ends.get(n.serial, ""), *sorted(read[n.serial])) for n in nodes}
        settled = len(set(new.values())) == len(set(colors.values()))
        colors = new
        if settled:
            break
    return _hash(*sorted(colors.values()))


def _parts(node: Expression, uses: Mapping[int, int]) -> list[tuple[str, Expression]]:
    """Return what a value is made of, each with its role; terms and factors change places freely."""
    if node.op in SUMS:
        return [("+" if sign > 0 else "-", term) for sign, term in terms(node, uses)]
    if node.op == "multiply":
        return [("*", factor) for factor in _factors(node, uses)]
    return [("" if node.op in COMMUTATIVE else str(i), arg) for i, arg in enumerate(node.args)]


def _factors(node: Expression, uses: Mapping[int, int]) -> list[Expression]:
    inner = [_factors(a, uses) if a.op == "multiply" and uses[a.serial] == 1 else [a] for a in node.args]
    return [factor for factors in inner for factor in factors]


def _label(node: Expression) -> str:
    """Return what is told of a value beside its arguments: no names."""
    kind = "sum" if node.op in SUMS else node.op
    return f"{kind}{node.attrs if node.op == 'constant' else ''}"


def _hash(*texts: str) -> str:
    return hashlib.sha256("|".join(texts).encode()).hexdigest()[:24]


def look(graph: Graph) -> str:
    """Return a hash of what the cell computes on random numbers, the same for cells that compute the same.

    All maps have the same weights, but for one or two that have others: over every such choice the outputs are
    gathered, and their order does not count. So it does not matter how gates are called, and it does which share a map.

    Raises:
        Unfit: a number is not finite, or the output does not depend on the input.
    """
    nodes = topological(graph.values())
    owners = [node.serial for node in nodes if node.op in ("affine", "vector")]
    random = np.random.default_rng(1968)
    x = random.normal(size=(STEPS, ROWS, INPUTS))
    draws = [_Weights(random) for _ in range(3)]
    choices = [(), *itertools.combinations(owners, 1), *itertools.permutations(owners, 2)]
    outputs = []
    for choice in choices:
        weights = dict.fromkeys(owners, draws[0]) | {s: draws[i] for i, s in enumerate(choice, 1)}
        with np.errstate(all="ignore"):
            output = _run(graph, nodes, x, weights)
        if not np.isfinite(output).all():
            raise Unfit("not finite")
        if np.ptp(output, axis=1).max() == 0:
            raise Unfit("says nothing")
        outputs.append(" ".join(f"{value:.{DIGITS}e}" for value in np.round(output.ravel(), DIGITS) + 0.0))
    return _hash(str(len(owners)), *sorted(outputs))


class _Weights:
    """The weights that a map or a vector may have."""

    def __init__(self, random: np.random.Generator):
        self.hidden, self.input = random.normal(size=(UNITS, UNITS)), random.normal(size=(INPUTS, UNITS))
        self.bias, self.vector = random.normal(size=UNITS), random.normal(size=UNITS)


def _run(graph: Graph, nodes: list[Expression], x: np.ndarray, weights: Mapping[int, _Weights]) -> np.ndarray:
    state = {name: np.zeros((ROWS, UNITS)) for name in graph}
    outputs = []
    for now in x:
        values: dict[int, np.ndarray] = {}
        for node in nodes:
            args = [values[arg.serial] for arg in node.args]
            values[node.serial] = _value(node, args, now, state, weights)
        state = {name: np.broadcast_to(values[value.serial], (ROWS, UNITS)) for name, value in graph.items()}
        outputs.append(next(iter(state.values())))
    return np.stack(outputs)


def _value(
    node: Expression,
    args: list[np.ndarray],
    x: np.ndarray,
    state: Mapping[str, np.ndarray],
    weights: Mapping[int, _Weights],
) -> np.ndarray:
    match node.op:
        case "input":
            return x
        case "last":
            return state[node.attrs[0]]
        case "constant":
            return np.array(node.attrs[0])
        case "vector":
            return weights[node.serial].vector
        case "affine":
            own = weights[node.serial]
            products = [
                a @ (own.input if s.op == "input" else own.hidden) for a, s in zip(args, node.args, strict=True)
            ]
            return sum(products) + own.bias * bool(node.attrs[2])
    return OPERATIONS[node.op].compute(*args)
