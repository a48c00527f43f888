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


FOUND = [  # by CMA-ES, of two units and an output
    *(0.064, -0.584, 1.928, 0.338, 3.314, -3.399),
    *(-0.438, 0.145, 0.757, -0.854, 0.0, 0.0, 0.37, -3.726, 0.0),
]


def trial(weights, rows):
    network = Population(RNN, 3, 2, 1, networks=1, rows=rows, squash="tanh")
    network.load(np.array([weights], np.float32))
    return network


def test_a_network_that_balances_lasts_and_generalises():
    assert double_pole.lasts(trial(FOUND, 1), 3000) is True
    fell = poles.balanced(poles.TwoPoles, trial(FOUND, 625), double_pole.generalisation(), 1000) < 1000
    assert double_pole.generalises(trial(FOUND, 625)) == 625 - fell.sum() > 300


def test_who_falls_neither_lasts_nor_generalises():
    still = np.zeros(len(FOUND))
    assert double_pole.lasts(trial(still, 1), 3000) is False
    assert double_pole.generalises(trial(still, 625)) < double_pole.ENOUGH


def test_what_comes_back_to_where_it_was_lasts_for_ever(monkeypatch: pytest.MonkeyPatch):
    """An upright cart without a push: its second block ends as the first, and no further step is needed."""
    monkeypatch.setattr(double_pole, "usual", lambda count: np.zeros((6, count)))
    network = trial(np.zeros(len(FOUND)), 1)
    assert double_pole.lasts(network, 10**9) is True
