"""What a candidate must be: rules that make it a cell that trains, runs at speed and never grows without end.

Each rule is a row of `RULES`: a reason, and a function of a graph in normal form that says whether it holds.
"""

from __future__ import annotations

from collections.abc import Callable

from keepgate.equations import Expression
from keepgate.equations.expression import topological
from keepgate.search.normal import Graph

__all__ = ["COST", "MOST_COST", "RULES", "Unfit", "check", "cost", "degrees"]

MOST_NODES = 60
MOST_GATES = 8
MOST_STATES = 4
MOST_DEPTH = 2  # recurrent products that wait for each other within a step
BOUNDED = ("sigmoid", "tanh", "normalize", "constant", "input", "vector")
# What operations cost beside each other, a number a unit: with an LSTM's it foretells the time of a training step.
COST = {"sigmoid": 1.0, "tanh": 1.0, "normalize": 4.0, "softplus": 2.0, "affine": 1.5}
CHEAP = 0.2
MOST_COST = 1.3  # of an LSTM's


class Unfit(Exception):
    """A graph is no candidate; the message is the rule that it breaks."""


def check(graph: Graph) -> None:
    """Refuse a graph that breaks a rule.

    Raises:
        Unfit: it does.
    """
    for reason, holds in RULES.items():
        if not holds(graph):
            raise Unfit(reason)


def degrees(graph: Graph) -> dict[str, int]:
    """Return how each new state grows with the last ones: 0: it is bounded, 1: at most in proportion, 2: faster.

    A state that is bounded whatever the last states were is bounded where it is read, too.
    """
    found = dict.fromkeys(graph, 1)
    while True:
        degree = _degrees(graph, found)
        new = {state: min(degree[value.serial], 2) for state, value in graph.items()}
        lower = {state: min(value, found[state]) for state, value in new.items()}
        if lower == found:
            return new
        found = lower


def _degrees(graph: Graph, last: dict[str, int]) -> dict[int, int]:
    """Return the degree of every value in the last states, given that of each of them."""
    degree: dict[int, int] = {}
    for node in topological(graph.values()):
        of = [degree[arg.serial] for arg in node.args]
        if node.op == "last":
            degree[node.serial] = last[node.attrs[0]]
        elif node.op in BOUNDED:
            degree[node.serial] = 0
        else:
            degree[node.serial] = sum(of) if node.op == "multiply" else max(of)
    return degree


def cost(graph: Graph) -> float:
    """Return what a step costs beside its matrix products, of whose weights all cells here have equally many.

    With fewer gates a cell has more units for its weights: H about sqrt(4 / gates) of an LSTM's.
    """
    nodes = topological(graph.values())
    matrices = sum(max(1, sum(source.width == "hidden" for source in n.args)) for n in nodes if n.op == "affine")
    units = (4 / max(matrices, 1)) ** 0.5
    return units * sum(COST.get(node.op, CHEAP) for node in nodes if node.args) / LSTM_COST


def _depth(graph: Graph) -> int:
    """Return how many products of what a step computes wait for each other."""
    depth: dict[int, int] = {}
    for node in topological(graph.values()):
        before = max((depth[arg.serial] for arg in node.args), default=0)
        depth[node.serial] = before + (node.op == "affine" and any(arg.op != "input" for arg in node.args))
    return max(depth.values())


def _reads(graph: Graph, op: str) -> bool:
    return any(node.op == op for node in topological(graph.values()))


def _recurs(graph: Graph) -> bool:
    """Whether a weight is multiplied with something of the last step."""
    nodes = topological(graph.values())
    recurrent: set[int] = set()
    for node in nodes:
        if node.op == "last" or any(arg.serial in recurrent for arg in node.args):
            recurrent.add(node.serial)
    return any(n.op == "affine" and any(a.serial in recurrent for a in n.args) for n in nodes)


def _gates(graph: Graph) -> int:
    return sum(node.op == "affine" for node in topological(graph.values()))


def _is_wide(value: Expression) -> bool:
    return value.width == "hidden"


LSTM_COST = 4 * 1.0 + 1.0 + 4 * 1.5 + 4 * CHEAP  # four squashed gates, tanh of the memory, four maps, four of the rest
RULES: dict[str, Callable[[Graph], bool]] = {
    "no state of one number a unit": lambda graph: all(map(_is_wide, graph.values())),
    "no input": lambda graph: _reads(graph, "input"),
    "no recurrence": _recurs,
    "too many values": lambda graph: len(topological(graph.values())) <= MOST_NODES,
    "too many gates": lambda graph: _gates(graph) <= MOST_GATES,
    "too many states": lambda graph: len(graph) <= MOST_STATES,
    "too slow": lambda graph: _depth(graph) <= MOST_DEPTH and cost(graph) <= MOST_COST,
    "grows without end": lambda graph: max(degrees(graph).values()) < 2,
}
