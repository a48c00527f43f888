"""Equal cells are recognised, however they are written; others are kept apart."""

from __future__ import annotations

import itertools

import pytest

from keepgate.equations import Cell, affine, sigmoid
from keepgate.search.candidate import settle
from keepgate.search.evolution import START
from keepgate.search.rules import Unfit
from search.cells import PAIRS, candidates, graph


@pytest.mark.parametrize("pair", PAIRS)
def test_equal_cells_are_recognised_and_others_kept_apart(pair: str):
    one, other, same_form, same = PAIRS[pair]
    a, b = settle(graph(one)), settle(graph(other))
    assert (a.form == b.form) is same_form
    assert (a.look == b.look) is same


def test_the_known_cells_are_all_different():
    known = [settle(graph(name)) for name in START]
    for a, b in itertools.combinations(known, 2):
        assert a.form != b.form
        assert a.look != b.look


def test_cells_of_one_form_look_alike():
    """The two marks are derived from nothing in common: a form that two different cells share would show here."""
    looks: dict[str, str] = {}
    for child in candidates(3, 80):
        assert looks.setdefault(child.form, child.look) == child.look


def test_a_cell_whose_output_does_not_depend_on_the_input_is_unfit():
    class Silent(Cell):
        def step(self, x, last):
            return self.State(h=last.h * sigmoid(affine("f", x, last.h)))  # zero for ever

    with pytest.raises(Unfit, match="says nothing"):
        settle(graph(Silent))
