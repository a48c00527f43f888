"""The poles, against gymnasium's cart and the conservation of energy."""

from __future__ import annotations

import gymnasium
import numpy as np
import poles
import pytest

from keepgate.cells import get
from keepgate.population import Population


class Doubled(poles.OnePole):
    dtype = np.float64


def test_a_cart_moves_as_gymnasiums():
    environment = gymnasium.make("CartPole-v1").unwrapped
    random, cart = np.random.default_rng(0), poles.Carts(Doubled(), 1)
    for seed in range(3):
        environment.reset(seed=seed)
        cart.state = np.array(environment.state, float)[[0, 2, 1, 3], None]
        for _ in range(60):
            action = int(random.integers(2))
            _, _, lost, _, _ = environment.step(action)
            cart.push[:] = action - 0.5
            cart.step()
            assert cart.state[[0, 2, 1, 3], 0] == pytest.approx(np.array(environment.state), rel=1e-9, abs=1e-12)
            assert (np.abs(cart.state[:2, 0]) > Doubled.bound).any() == lost
            if lost:
                break


def energy(state):
    """Of a cart of 1 kg and two uniform rods on hinges."""
    _, *angles = state[:3, 0]
    v, *turnings = state[3:, 0]
    total = v * v / 2
    for mass, half, angle, turning in zip((0.1, 0.01), (0.5, 0.05), angles, turnings, strict=True):
        across, down = v + half * turning * np.cos(angle), half * turning * np.sin(angle)
        total += mass * (across**2 + down**2) / 2 + mass * half**2 / 3 * turning**2 / 2
        total += mass * 9.8 * half * np.cos(angle)
    return total


def test_two_poles_keep_their_energy_without_friction_and_force():
    cart = poles.Carts(poles.TwoPoles(friction=0.0), 1)
    cart.state = np.array([0, 0.07, 0.0, 0.3, -0.2, 0.1])[:, None]
    first = energy(cart.state)
    for _ in range(20):
        cart.step()
        assert np.abs(cart.state[1:3]).max() < 1
        assert energy(cart.state) == pytest.approx(first, rel=1e-8)


def test_the_push_is_ten_newtons_and_friction_brakes():
    cart = poles.Carts(poles.TwoPoles(), 2)
    cart.state = np.zeros((6, 2))
    cart.push[:] = 1.0, 0.0
    cart.step()
    assert cart.state[3].tolist() == pytest.approx([0.02 * 10 / (1 + 0.11 / 4), 0.0], rel=1e-3)
    braked, free = (poles.Carts(poles.TwoPoles(friction), 1) for friction in (1e-3, 0.0))
    for one in (braked, free):
        one.state = np.array([0, 0, 0, 0, 0.5, 0.0])[:, None]
        one.step()
    assert braked.state[4, 0] < free.state[4, 0]


@pytest.mark.parametrize("terms", [(0, np.cos), (1, np.sin)])
def test_the_series_are_exact_to_one_rad(terms):
    first, function = terms
    angles = np.linspace(-1, 1, 41)
    cell = type("Series", (poles.Cell,), {"step": lambda self, x, last: self.State(h=poles.series(last.h, first))})
    stepper = poles.Stepper(cell().equations, 1, 41, {}, dtype=np.float64)
    stepper.state = {"h": angles[None]}
    found = stepper.step(np.zeros((1, 1)))[0] * (angles if first else 1)
    assert found == pytest.approx(function(angles), rel=3e-16, abs=3e-16)


@pytest.mark.parametrize("kind", [poles.OnePole, poles.TwoPoles])
def test_a_cart_is_balanced_alike_alone_and_among_others(kind):
    cell, random = get("rnn").equations, np.random.default_rng(1)
    seen = len(kind.scale)
    networks = Population(cell, seen, 2, 0, networks=3, rows=2)
    weights = random.standard_normal((3, networks.size)).astype(np.float32)
    starts = random.uniform(-0.03, 0.03, (len(kind.state), 6))
    networks.load(weights)
    count = poles.balanced(kind, networks, starts, 90)
    alone = Population(cell, seen, 2, 0, networks=1)
    for p in range(3):
        alone.load(weights[p : p + 1])
        for k in range(2):
            one = starts[:, [2 * p + k]]
            assert poles.balanced(kind, alone, one, 90) == count[2 * p + k]
