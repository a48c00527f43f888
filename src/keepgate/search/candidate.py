"""A candidate: equations that keep the rules, and the two marks by which an equal one is recognised."""

from __future__ import annotations

from dataclasses import dataclass

from keepgate.equations import Equations
from keepgate.errors import CellError
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

    >>> from keepgate.cells import GRUCho
    >>> from keepgate.search import settle
    >>> print(settle(GRUCho().equations.new).equations)
    r[t] = sigmoid(W_r x[t] + U_r h[t-1] + b_r)
    z[t] = sigmoid(W_z x[t] + U_z h[t-1] + b_z)
    n[t] = tanh(W_n x[t] + M_n (r[t] * h[t-1]) + b_n)
    h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]

    Raises:
        Unfit: it breaks a rule; the message says which.
    """
    try:
        graph = normal(graph)
        rules.check(graph)
        equations = as_written(graph, name)
    except CellError as error:
        raise rules.Unfit("no equations of a cell") from error
    return Candidate(equations, identity.form(normal(equations.new)), identity.look(equations.new))
