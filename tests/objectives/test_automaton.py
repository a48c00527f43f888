from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.objectives.automaton import Automaton


def bigrams():
    """State 0 knows a (0) and b (1); state 1, after an a, knows b alone and backs off to 0."""
    return Automaton.of_arcs(
        sources=np.array([1, 0, 0]),
        symbols=np.array([1, 1, 0]),
        targets=np.array([0, 0, 1]),
        weights=np.array([-0.1, -2.0, -1.0]),
        backoff=np.array([0, 0]),
        backoff_weights=np.array([0.0, -0.5]),
        unknown=-9.0,
    )


@pytest.mark.parametrize(
    ("state", "symbol", "wanted"),
    [
        (0, 0, (-1.0, 1)),
        (0, 1, (-2.0, 0)),
        (1, 1, (-0.1, 0)),
        (1, 0, (-1.5, 1)),  # by backing off: -0.5 and -1
        (0, 7, (-9.0, 0)),
        (1, 7, (-9.5, 0)),
        (1, -1, (-9.5, 0)),
    ],
)
def test_weights_by_hand(state, symbol, wanted):
    assert bigrams().follow(state, symbol) == wanted


def test_arcs_come_in_any_order():
    made = bigrams()
    assert made.arcs.tolist() == [0, 2, 3]
    assert made.symbols.tolist() == [0, 1, 1]
    assert made.weights.tolist() == [-1.0, -2.0, -0.1]
    made.check(2)


def changed(name, value):
    return replace(bigrams(), **{name: value})


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (changed("weights", np.zeros(2)), r"^weights is \[2\] of float64, not \[3\] of float64$"),
        (changed("symbols", np.array([0, 1, 1])), r"^symbols is \[3\] of int64, not \[3\] of int32$"),
        (changed("arcs", np.array([0, 3, 2])), "^arcs does not share the arcs out among states$"),
        (changed("arcs", np.array([1, 2, 3])), "^arcs does not share"),
        (changed("symbols", np.array([1, 0, 1], np.int32)), "^symbols do not rise within each state$"),
        (changed("symbols", np.array([0, 2, 1], np.int32)), "^symbols has a number that is not from 0 to 1$"),
        (changed("targets", np.array([1, 2, 0], np.int32)), "^targets has a number that is not from 0 to 1$"),
        (changed("backoff", np.array([0, 1], np.int32)), "^backoff leads a state to none before it$"),
        (
            changed("weights", np.array([0.0, 1.0, 0.0])),
            "^weights has numbers that are no logarithms",
        ),
        (changed("backoff_weights", np.array([0.0, np.nan])), "^backoff_weights has numbers that are no logarithms"),
        (changed("start", 2), "^start=2 is none of 2 states$"),
    ],
)
def test_damage_is_refused(damaged, words):
    with pytest.raises(InputError, match=words):
        damaged.check(2)


def test_the_longest_walk_backs_off_to_the_last_state():
    """Every state backs off to the one before it; the weights add up."""
    states = 50
    chain = Automaton.of_arcs(
        *(np.array([], int),) * 3, np.array([]), np.maximum(np.arange(states) - 1, 0), np.full(states, -1.0), -2.0
    )
    chain.check(1)
    assert chain.follow(states - 1, 0) == (-(states - 1) - 2.0, 0)
