"""The poles, against gymnasium's cart and the conservation of energy."""

from __future__ import annotations

import gymnasium
import numpy as np
import poles
import pytest

from keepgate.cells import get
from keepgate.native import Population


def test_a_cart_moves_as_gymnasiums():
    environment = gymnasium.make("CartPole-v1").unwrapped
    random = np.random.default_rng(0)
    for seed in range(3):
        start, _ = environment.reset(seed=seed)
        start = environment.state if isinstance(environment.state, np.ndarray) else np.array(environment.state)
        cart = poles.CartPole(np.array(start, float).reshape(2, 2).T[:, :, None, None], np.float64)
        for _ in range(60):
            action = int(random.integers(2))
            _, _, lost, _, _ = environment.step(action)
            alive = cart.step(np.array([[action - 0.5]]))
            assert cart.state[:, :, 0, 0].T.ravel() == pytest.approx(np.array(environment.state), rel=1e-9, abs=1e-12)
            assert bool(alive[0, 0]) is not lost
            if lost:
                break


def energy(state):
    """Of a cart of 1 kg and two uniform rods on hinges."""
    (_, *angles), (v, *turnings) = state[0, :, 0, 0], state[1, :, 0, 0]
    total = v * v / 2
    for mass, half, angle, turning in zip((0.1, 0.01), (0.5, 0.05), angles, turnings, strict=True):
        across, down = v + half * turning * np.cos(angle), half * turning * np.sin(angle)
        total += mass * (across**2 + down**2) / 2 + mass * half**2 / 3 * turning**2 / 2
        total += mass * 9.8 * half * np.cos(angle)
    return total


def test_two_poles_keep_their_energy_without_friction_and_force():
    cart = poles.DoublePole(poles.DoublePole.usual(1), friction=0.0)
    cart.state[1] += np.array([0.3, -0.2, 0.5])[:, None, None]
    first = energy(cart.state)
    for _ in range(50):
        cart.step(np.zeros((1, 1)))
        assert energy(cart.state) == pytest.approx(first, rel=1e-6)


def test_the_starts_of_generalisation_are_625_different_ones():
    starts = poles.DoublePole.generalisation()
    assert starts.shape == (2, 3, 1, 625)
    assert len({starts[..., k].tobytes() for k in range(625)}) == 625
    assert abs(starts[0, 0]).max() == pytest.approx(0.9 * 2.16)


def test_the_damping_fitness_is_that_of_its_formula():
    networks = Population(get("rnn").equations, 3, 2, 0, networks=3)
    weights = np.random.default_rng(1).standard_normal((3, networks.size)).astype(np.float32)
    networks.load(weights)
    found, steps = poles.damped(networks, poles.DoublePole(poles.DoublePole.usual(3)))
    for p in range(3):
        one = Population(get("rnn").equations, 3, 2, 0, networks=1)
        one.load(weights[p : p + 1])
        cart, moved = poles.DoublePole(poles.DoublePole.usual(1)), []
        for _ in range(1000):
            alive = cart.step(np.clip(one.step(cart.observe())[:, :, 0], -1, 1))[0, 0]
            if not alive:
                break
            moved.append(np.abs(cart.state[:, :2, 0, 0]).sum())
        calm = 0.75 / sum(moved[-100:]) if len(moved) >= 100 else 0.0
        assert steps[p] == len(moved)
        assert found[p] == pytest.approx(0.1 * len(moved) / 1000 + 0.9 * calm)


def test_who_falls_does_not_last():
    size = Population(get("rnn").equations, 3, 2, 0, networks=1).size
    assert not poles.lasts(get("rnn").equations, 2, np.zeros(size, np.float32), 1000)
