"""Which terms the linear part of a forecaster is the mean of: judged on windows that they were not solved for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from keepgate.tasks.forecast.examples import Windows
from keepgate.tasks.forecast.linear import Linear, Sums, absolute_errors, errors_of, solve, spread
from keepgate.tasks.forecast.network import ForecastNetwork
from keepgate.tasks.forecast.reads import Term

__all__ = ["PENALTIES", "chosen", "judged"]

FEW = 2_000  # windows, up to which terms are judged by blocks of them too, each by the others, and may be rolled out
BLOCKS = 5
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # times the mean square of what they weigh
ORDERS = (2, 4)  # parts of the window that an autoregression reads
POWER = 8  # of the inverse error, which a term's share grows with


def chosen(
    network: ForecastNetwork,
    data: Windows,
    held_out: Windows,
    seasons: Sequence[int],
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Term, ...]:
    """Return a term for each season, with the way and the penalty of least error, and its share.

    Args:
        network: which standardizes what is known ahead.
        data: to solve for.
        held_out: to choose by.
        seasons: of naive forecasts, in rows, none longer than the window; 0 for the mean.
        penalties: to choose from.
    """
    window, nothing_known = data.data.reads.window, not data.data.reads.ahead
    few = len(data.cuts) <= FEW
    orders = [0, *sorted({max(window // part, 1) for part in ORDERS})] if few and nothing_known else [0]
    best, errors = [], []
    for season in seasons:
        terms = [Term(season, penalty, order) for penalty in penalties for order in orders]
        error = _errors(network, data, held_out, terms)
        best.append(terms[int(np.argmin(error))])
        errors.append(error.min())
    shares = (min(errors) / np.array(errors)) ** POWER if min(errors) > 0 else np.array(errors) == 0
    shares = shares / shares.sum()
    return tuple(replace(term, share=float(share)) for term, share in zip(best, shares, strict=True))


def judged(network: ForecastNetwork, data: Windows, held_out: Windows, linear: Linear) -> float:
    """Return the absolute error of the linear part on windows that it was not solved for, in units of the values."""
    total = absolute_errors(network, held_out, spread(len(held_out.cuts)), linear)
    for block, rest in _folds(data):
        total += absolute_errors(network, data, block, solve(network, data, linear.terms, rest))
    return total


def _errors(network: ForecastNetwork, data: Windows, held_out: Windows, terms: Sequence[Term]) -> np.ndarray:
    """Return the squared error of terms of one season."""
    season = terms[0].season
    rolled = any(term.order for term in terms)
    sums = Sums(network, data, season, spread(len(data.cuts)), rolled)
    total = errors_of(network, held_out, spread(len(held_out.cuts)), [sums.solved(term) for term in terms])
    for block, rest in _folds(data):
        part = Sums(network, data, season, rest, rolled)
        total += errors_of(network, data, block, [part.solved(term) for term in terms])
    return total


def _folds(data: Windows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the windows of a block to choose by, too, and those to solve for that share no value with it.

    Only of few windows, where the held-out ones alone say little.
    """
    count, apart = len(data.cuts), data.data.reads.horizon
    if count <= FEW:
        for block in np.array_split(np.arange(count), BLOCKS):
            rest = np.r_[
                np.arange(max(block.min(initial=0) - apart, 0)), np.arange(block.max(initial=0) + apart, count)
            ]
            if len(block) and len(rest) >= BLOCKS:
                yield block, rest
