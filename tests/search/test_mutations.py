"""Mutations give valid cells, whose gradients are right on every engine; each changes something."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from keepgate.equations.expression import topological
from keepgate.search.candidate import settle
from keepgate.search.mutations import MUTATIONS, Draw, cross, mutate
from keepgate.search.rules import Unfit
from keepgate.testing import check_cell
from search.cells import candidates, graph


@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_cells_with_right_gradients(seed: int):
    *_, child = candidates(seed, 12)
    checked = check_cell(child.equations)
    assert {"native", "reference"} <= set(checked.errors)
    assert not {"native", "reference"} & set(checked.refused)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_candidates_are_cells_with_right_gradients(seed: int):
    for child in list(candidates(seed, 40))[::8]:
        check_cell(child.equations)


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_mutation_makes_other_cells(name: str):
    """Of known cells, nearly every time; what it makes is the same for the same seed."""
    start = {cell: settle(graph(cell)) for cell in ("lstm", "gru", "peephole_lstm", "mut1")}
    outcomes: Counter[str] = Counter()
    for seed in range(12):
        for cell, before in start.items():
            made = [_outcome(name, cell, before.form, seed) for _ in range(2 if seed < 2 else 1)]
            assert len(set(made)) == 1
            outcomes[made[0]] += 1
    assert outcomes["new"] >= 6, outcomes
    assert outcomes["new"] > outcomes["same"]


def _outcome(name: str, cell: str, before: str, seed: int) -> str:
    try:
        child = settle(MUTATIONS[name](graph(cell), Draw(np.random.default_rng(seed))))
    except Unfit as error:
        return str(error)
    return "same" if child.form == before else "new"


def test_there_is_nothing_to_drop_from_one_state():
    with pytest.raises(Unfit, match="nothing to change"):
        MUTATIONS["drop state"](graph("gru"), Draw(np.random.default_rng(0)))


def test_crossing_joins_values_of_two_cells():
    found: set[int] = set()
    for seed in range(30):
        crossed = cross(graph("lstm"), graph("mut1"), Draw(np.random.default_rng(seed)))
        assert {n.attrs[0] for n in topological(crossed.values()) if n.op == "last"} <= {"h", "c"}
        try:
            settle(crossed)
        except Unfit:
            continue
        found.add(seed)
    assert len(found) > 10


def test_mutations_are_told_in_their_order():
    for seed in range(20):
        try:
            _, done = mutate(graph("lstm"), Draw(np.random.default_rng(seed)), 3)
        except Unfit:
            continue
        assert len(done) == 3
        assert set(done) <= set(MUTATIONS)
