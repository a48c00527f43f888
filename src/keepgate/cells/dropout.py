"""Modifiers that drop at random in training and compute with the expectation in evaluation; they compose.

>>> from keepgate.cells import LSTM, recurrent_dropout, zoneout
>>> zoneout(recurrent_dropout(LSTM(), 0.25), {"c": 0.5}).name
"zoneout(recurrent_dropout(lstm, 0.25), {'c': 0.5})"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keepgate.cells.modifiers import modified
from keepgate.equations import Cell, Expression, bernoulli
from keepgate.equations.graph import rebuild
from keepgate.errors import CellError, InputError, quoted

__all__ = ["recurrent_dropout", "variational", "zoneout"]

CANDIDATES = ("g", "n")  # what the papers call the value that a step proposes


def zoneout(cell: Cell, rate: float | Mapping[str, float] = 0.1) -> Cell:
    """Keep each unit's last state with probability `rate`; in evaluation, mix by the expectation.

    Krueger et al. 2017, "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations", section 3.2.

    Args:
        cell: the cell to modify.
        rate: one probability for every state, or one for each state by name (absent: 0).

    Raises:
        InputError: a state is unknown, or a rate is no probability.
    """
    old = cell.equations
    rates = _rates("zoneout", cell, rate, old.states)
    new, named = dict(old.new), {name: value for name, value in old.named.items() if not rates.get(name)}
    for state, probability in rates.items():
        if probability:
            value = named[f"{state}_candidate"] = old.new[state]
            last = Expression("last", (), (state,), value.width, value.line)
            keep = bernoulli(f"zoneout_{state}", probability, str(value.width))
            new[state] = keep * last + (1 - keep) * value
    equations = replace(old, name=f"zoneout({cell.name}, {rate})", new=new, named=named)
    return modified(cell, equations, "Krueger et al. 2017")


def recurrent_dropout(cell: Cell, rate: float = 0.25, per: str = "step") -> Cell:
    """Drop units of what a step adds to the memory, c = f * c + i * d(g): what is remembered is never lost.

    Semeniuta, Severyn & Barth 2016, "Recurrent Dropout without Memory Loss", section 3.3; of the GRU the candidate n.

    Args:
        cell: the cell to modify.
        rate: probability with which a unit of the candidate is zeroed; the others are divided by 1 - rate.
        per: draw a mask for each `"step"`, or one for a `"sequence"`.

    Raises:
        InputError: the rate is no probability below 1.
        CellError: the cell has no candidate called g or n.
    """
    _rates("recurrent_dropout", cell, rate, ("g",), below=True)
    old = cell.equations
    candidate = next((old.named[name] for name in CANDIDATES if name in old.named), None)
    if candidate is None:
        raise CellError(f"{cell.name} has no candidate called {' or '.join(CANDIDATES)} in its step to drop units of")

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node is not candidate:
            return None
        return _mask("g", rate, str(node.width), per) * rebuild(node, args)

    name = f"recurrent_dropout({cell.name}, {rate}" + (")" if per == "step" else f", {per!r})")
    return modified(cell, old.rewrite(rule, name), "Semeniuta et al. 2016")


def variational(cell: Cell, rate: float | Mapping[str, float] = 0.25) -> Cell:
    """Drop inputs and recurrent units by masks that stay the same for all steps of a sequence and for all gates.

    Gal & Ghahramani 2016, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", equation 7.
    A mask is applied to the inputs of the gates' products: the state itself is carried on without it.

    Args:
        cell: the cell to modify.
        rate: one probability for the input x and every state, or one for each by name, as in `{"x": 0.2, "h": 0.5}`.

    Raises:
        InputError: a name is unknown, or a rate is no probability below 1.
    """
    old = cell.equations
    rates = _rates("variational", cell, rate, ("x", *old.states), below=True)
    masks: dict[str, Expression] = {}  # one for each matrix
    masked: dict[int, Expression] = {}  # by source: gates go on sharing theirs

    def mask(letter: str, source: Expression) -> Expression:
        name = "x" if letter == "i" else letter
        if not rates.get(name):
            return source
        if name not in masks:
            masks[name] = _mask(name, rates[name], str(source.width), "sequence")
        return masked.setdefault(source.serial, masks[name] * source)

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op != "affine" or node.width != "hidden":  # the matrix of a projection reads what the step computes
            return None
        sources = [mask(letter, source) for letter, source in zip(node.attrs[1], args, strict=True)]
        return rebuild(node, tuple(sources))

    return modified(cell, old.rewrite(rule, f"variational({cell.name}, {rate})"), "Gal & Ghahramani 2016")


def _mask(name: str, rate: float, width: str, per: str) -> Expression:
    """Return 0 with probability `rate`, else 1 / (1 - rate); in evaluation exactly 1."""
    return bernoulli(f"dropout_{name}", 1 - rate, width, per) / (1 - rate)


def _rates(
    modifier: str, cell: Cell, rate: float | Mapping[str, float], names: tuple[str, ...], below: bool = False
) -> dict[str, float]:
    rates: dict[str, float] = dict(rate) if isinstance(rate, Mapping) else dict.fromkeys(names, rate)
    if unknown := [name for name in rates if name not in names]:
        kind = "state" if names == cell.equations.states else "source"
        raise InputError(
            f"{modifier}: {cell.name} has no {kind} {quoted(unknown[0])}; its {kind}s are {', '.join(names)}"
        )
    for name, value in rates.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= 1 or (below and value == 1):
            span = "from 0 to below 1" if below else "from 0 to 1"
            raise InputError(f"{modifier}: the rate of {name} is a probability {span}, got {quoted(value)}")
    return rates
