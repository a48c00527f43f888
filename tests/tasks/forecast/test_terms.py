"""Which terms are chosen, where it is known which are right."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.tasks.forecast import terms
from keepgate.tasks.forecast.examples import Windows
from keepgate.tasks.forecast.linear import solve
from keepgate.tasks.forecast.reads import Term
from keepgate.tasks.forecast.terms import chosen, judged
from tasks.forecast.test_linear import parts


def test_the_best_for_held_out_windows_is_chosen() -> None:
    network, data = parts()
    found = chosen(network, data, data, [1, 4], [1e-6, 1e3])
    assert [(term.season, term.penalty, term.order) for term in found] == [(1, 1e-6, 0), (4, 1e-6, 0)]
    assert sum(term.share for term in found) == pytest.approx(1)


def test_of_few_windows_blocks_choose_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where held-out windows say nothing, what predicts blocks from the others is chosen."""
    network, data = parts(rows=60, known=False)
    monkeypatch.setattr(terms, "ORDERS", ())
    nothing = Windows(data.data, np.array([60]), np.ones(1), 16, (0, 1))
    assert len(nothing.cuts) == 0
    (term,) = chosen(network, data, nothing, [1], [1e-9, 1e-1, 1e9])
    assert term.penalty == 1e-1
    assert judged(network, data, nothing, solve(network, data, [term])) < judged(
        network, data, nothing, solve(network, data, [Term(1, 1e9)])
    )


def test_a_naive_forecast_that_is_far_off_counts_for_little() -> None:
    """Nothing but the penalty's least is allowed to change the naive forecasts, of which a season of 2 is worse."""
    network, data = parts(rows=300, known=False)
    shares = {term.season: term.share for term in chosen(network, data, data, [0, 2], [1e9])}
    assert shares[0] > 0.9
