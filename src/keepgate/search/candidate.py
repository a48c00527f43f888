"""A candidate: equations that keep the rules, and the two marks by which an equal one is recognised."""

from __future__ import annotations

from dataclasses import dataclass

from keepgate.equations import Equations
from keepgate.search import identity, rules
from keepgate.search.normal import Graph, normal
from keepgate.search.writing import as_written

__all__ = ["Candidate", "settle"]


@dataclass(frozen=True)
class Candidate:
    """A cell to try.

    Attributes:
        equations: as its file has them.
        form: equal for graphs that are equal but for names and order.
        look: equal for cells that compute the same numbers.
    """

    equations: Equations
    form: str
    look: str


def settle(graph: Graph, name: str = "Found") -> Candidate:
    """Bring a graph to its normal form and return the candidate that it is.

    Raises:
        Unfit: it breaks a rule; the message says which.
    """
    graph = normal(graph)
    rules.check(graph)
    equations = as_written(graph, name)
    return Candidate(equations, identity.form(normal(equations.new)), identity.look(equations.new))
