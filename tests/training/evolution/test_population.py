"""Every network of a population against a stepper of its own, of the native core."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.cells import get
from keepgate.cells.registry import CELLS
from keepgate.errors import InputError
from keepgate.native import Stepper
from keepgate.training.evolution.population import Population

NAMES = [cell.name for cell in CELLS if not get(cell).equations.step_inputs]


@pytest.mark.parametrize("name", [*NAMES, "lstm+layer_norm"])
def test_each_network_steps_as_one_alone(name):
    from keepgate.cells.modifiers import layer_norm

    equations = (layer_norm(get("lstm")) if "+" in name else get(name)).equations
    random = np.random.default_rng(0)
    networks = Population(equations, 3, 5, 2, networks=4, rows=2, dtype=np.float64)
    weights = random.standard_normal((4, networks.size))
    networks.load(weights)
    given = networks.views(weights)
    alone = [
        Stepper(equations, 3, 5, {n: v[p] for n, v in given.items() if not n.endswith("_out")}, 2, np.float64)
        for p in range(4)
    ]
    for t in range(6):
        x = random.standard_normal((4, 2, 3))
        outputs = networks.step(x)
        for p, stepper in enumerate(alone):
            expected = stepper.step(x[p].copy()) @ given["weight_out"][p].T + given["bias_out"][p]
            assert outputs[p] == pytest.approx(expected, abs=1e-13)
        if t == 2:
            mask = random.random((4, 2)) < 0.5
            networks.reset(mask)
            for p, stepper in enumerate(alone):
                stepper.reset(mask[p])


def test_a_network_has_the_same_bits_whatever_runs_beside_it():
    equations, random = get("lstm").equations, np.random.default_rng(1)
    many = Population(equations, 2, 7, 1, networks=9)
    weights = random.standard_normal((9, many.size)).astype(np.float32)
    x = random.standard_normal((5, 9, 1, 2)).astype(np.float32)
    many.load(weights)
    whole = [many.step(step).copy() for step in x]
    for start, stop in ((0, 1), (1, 4), (4, 9)):
        part = Population(equations, 2, 7, 1, networks=stop - start)
        part.load(weights[start:stop])
        for step, expected in zip(x, whole, strict=True):
            assert part.step(step[start:stop]).tobytes() == expected[start:stop].tobytes()


def test_places_find_a_parameter_among_the_numbers():
    networks = Population(get("lstm").equations, 2, 3, 1, networks=1)
    weights = np.arange(networks.size, dtype=np.float32)[None]
    for name, view in networks.views(weights).items():
        assert weights[0, networks.places(name)].tolist() == view[0].tolist()
    assert "bias_hh" not in networks.shapes


def test_what_does_not_fit_is_named():
    with pytest.raises(InputError, match="cell time_aware_lstm cannot run as a population"):
        Population(get("time_aware_lstm").equations, 2, 3, 1, networks=1)
    with pytest.raises(InputError, match=r"weights have shape \(2, 3\), expected \(2, 76\)"):
        Population(get("lstm").equations, 2, 3, 1, networks=2).load(np.zeros((2, 3), np.float32))
