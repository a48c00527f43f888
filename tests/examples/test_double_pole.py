"""The trials of two poles, against their formulas on carts that are driven one by one."""

from __future__ import annotations

import double_pole
import numpy as np
import poles
import pytest

from keepgate.cells import get
from keepgate.population import Population

RNN = get("rnn").equations


def test_the_starts_of_generalisation_are_625_different_ones():
    starts = double_pole.generalisation()
    assert starts.shape == (6, 625)
    assert len({starts[:, k].tobytes() for k in range(625)}) == 625
    assert abs(starts[0]).max() == pytest.approx(0.9 * 2.16)
    assert not starts[[2, 5]].any()


def test_the_damping_fitness_is_that_of_its_formula():
    networks = Population(RNN, 3, 2, 0, networks=4)
    weights = np.random.default_rng(9).standard_normal((4, networks.size)).astype(np.float32)
    weights[3] = 0.0
    networks.load(weights)
    found, steps = double_pole.damped(networks)
    for p in range(4):
        one = Population(RNN, 3, 2, 0, networks=1)
        one.load(weights[p : p + 1])
        cart, moved = poles.Carts(poles.TwoPoles(), 1), []
        cart.state = double_pole.usual(1)
        for _ in range(1000):
            seen = (cart.state[:3, 0] / poles.TwoPoles.scale).astype(np.float32)
            cart.push[:] = one.step(seen[None, None])[0, 0, 0]
            cart.step()
            x, long, short, speed, turning, _ = cart.state[:, 0]
            if abs(x) > 2.4 or max(abs(long), abs(short)) > np.pi / 5:
                break
            moved.append(abs(x) + abs(speed) + abs(long) + abs(turning))
        calm = 0.75 / sum(moved[-100:]) if len(moved) >= 100 else 0.0
        assert steps[p] == len(moved)
        assert found[p] == pytest.approx(0.1 * len(moved) / 1000 + 0.9 * calm)


def test_who_falls_neither_lasts_nor_generalises():
    for rows, trial in ((1, double_pole.lasts), (625, double_pole.generalises)):
        network = Population(RNN, 3, 2, 0, networks=1, rows=rows)
        network.load(np.zeros((1, network.size), np.float32))
        assert trial(network) < double_pole.ENOUGH
