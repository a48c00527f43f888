from __future__ import annotations

import numpy as np
import pytest

from keepgate.cells import get
from keepgate.native import Population
from keepgate.tasks.evolino.searches import SEARCHES, Space, units


@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole_lstm", "multiplicative_lstm"])
def test_every_weight_belongs_to_one_cell(cell):
    networks = Population(get(cell).equations, 2, 3, 0, networks=1)
    found = units(networks)
    assert np.sort(np.concatenate(found)).tolist() == list(range(networks.size))
    assert len(found) == 3


def test_a_cell_has_the_rows_of_its_gates():
    networks = Population(get("lstm").equations, 1, 3, 0, networks=1)
    rows = networks.places("weight_hh")[[1, 4, 7, 10]]  # i, f, g, o of the second cell
    assert {*rows.ravel()} <= {*units(networks)[1]}


def test_forget_gates_begin_open_and_output_gates_nearly_closed():
    networks = Population(get("lstm").equations, 1, 2, 0, networks=1)
    space = Space.of(get("lstm").equations, networks, 0.5, 1e-4)
    assert space.center[networks.places("bias_ih")].tolist() == [0, 0, 1.5, 1.5, 0, 0, -1, -1]
    other = get("rnn").equations
    assert not Space.of(other, Population(other, 1, 2, 0, networks=1), 0.5, 1e-4).center.any()


def test_the_weights_of_the_input_have_a_spread_of_their_own():
    networks = Population(get("lstm").equations, 1, 5, 0, networks=1)
    numbers = np.random.default_rng(0).standard_normal((400, networks.size))
    parameters = networks.views(Space.of(get("lstm").equations, networks, 0.5, 1e-4).weights(numbers))
    assert parameters["weight_ih"].std() == pytest.approx(1e-4, rel=0.05)
    assert parameters["weight_hh"].std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("population", [2, 4, 7, 40])
def test_every_search_begins_with_any_population(name, population):
    networks = Population(get("lstm").equations, 1, 2, 0, networks=1)
    search = SEARCHES[name](networks, population, 0)
    assert search.ask().shape == (population, networks.size)
    search.tell(np.arange(population))
