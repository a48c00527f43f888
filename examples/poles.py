"""Poles on carts whose velocities are hidden, many carts side by side: the benchmarks of recurrent neuroevolution.

A cart is written as a cell is, by its equations, and the core runs hundreds of them side by side. `OnePole` is
gymnasium's CartPole-v1 (Barto, Sutton & Anderson 1983). `TwoPoles` has poles of 1 m and 0.1 m (Wieland 1991), and is
integrated by Runge and Kutta's fourth order in steps of 0.01 s, two for each action, as Gomez's code has it that NEAT,
ESP and CoSyNE were tried on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import factorial, pi
from typing import ClassVar

import numpy as np

from keepgate.equations import Cell, constant, step_input, where
from keepgate.native import Stepper
from keepgate.population import Population

DEGREE = pi / 180
GRAVITY = 9.8
BLOCK = 25  # steps between two looks at who is lost


def series(angle, first: int, terms: int = 9):
    """Return Taylor's series of the cosine (first 0) or of the sine over its angle (1); in float64 exact to 1 rad."""
    square, total = angle * angle, constant(0.0)
    for k in reversed(range(terms)):
        total = (-1) ** k / factorial(2 * k + first) + square * total
    return total


class Cart(Cell):
    """Base of the carts, whose first states are the place and the angles, which a network sees.

    Attributes:
        bound: of these, in m and rad; beyond it a cart is lost.
        scale: by which they are divided to be seen.
        dtype: of all that is computed.
    """

    bound: ClassVar[tuple[float, ...]]
    scale: ClassVar[tuple[float, ...]]
    dtype: ClassVar[type[np.floating]]


class OnePole(Cart):
    """A cart with a pole, pushed right where the step input is above 0, else left."""

    name = "one_pole"
    state = ("place", "angle", "speed", "turning")
    bound = scale = (2.4, 12 * DEGREE)
    dtype = np.float32

    def step(self, x, last):
        """Return the state 0.02 s later."""
        push = where(step_input("push", "hidden") > 0.0, 10.0, -10.0)
        sine, cosine = last.angle * series(last.angle, 1, 6), series(last.angle, 0, 6)
        thrust = (push + 0.05 * last.turning * last.turning * sine) / 1.1
        bent = (GRAVITY * sine - cosine * thrust) / (0.5 * (4 / 3 - 0.1 / 1.1 * cosine * cosine))
        return self.State(
            place=last.place + 0.02 * last.speed,
            angle=last.angle + 0.02 * last.turning,
            speed=last.speed + 0.02 * (thrust - 0.05 / 1.1 * bent * cosine),
            turning=last.turning + 0.02 * bent,
        )


class TwoPoles(Cart):
    """A cart with two poles; the step input is the push, -1 to 1 for 10 N to the left or right."""

    name = "two_poles"
    state = ("place", "long", "short", "speed", "long_turning", "short_turning")
    bound, scale = (2.4, 36 * DEGREE, 36 * DEGREE), (4.8, 0.52, 0.52)
    dtype = np.float64
    poles: ClassVar = ((0.1, 0.5), (0.01, 0.05))  # mass in kg and half of the length in m

    def __init__(self, friction: float = 0.000002):
        self.friction = friction  # of the hinges; the cart has none

    def step(self, x, last):
        """Return the state 0.02 s later."""
        push, h = 10.0 * step_input("push", "hidden"), 0.01
        now = [getattr(last, name) for name in self.state]
        for _ in range(2):
            k1 = self.slope(now, push)
            k2 = self.slope([y + h / 2 * k for y, k in zip(now, k1, strict=True)], push)
            k3 = self.slope([y + h / 2 * k for y, k in zip(now, k2, strict=True)], push)
            k4 = self.slope([y + h * k for y, k in zip(now, k3, strict=True)], push)
            slopes = zip(now, k1, k2, k3, k4, strict=True)
            now = [y + h / 6 * (a + 2 * (b + c) + d) for y, a, b, c, d in slopes]
        return self.State(**dict(zip(self.state, now, strict=True)))

    def slope(self, now, push):
        """Return the time derivative of a state: Wieland's equations."""
        speed, *turnings = now[3:]
        force, mass, found = push, 1 + sum(mass for mass, _ in self.poles), []
        for (own, half), angle, turning in zip(self.poles, now[1:3], turnings, strict=True):
            sine, cosine = angle * series(angle, 1), series(angle, 0)
            torque = self.friction / (own * half) * turning - GRAVITY * sine
            force = force + own * (half * turning * turning * sine + 0.75 * cosine * torque)
            mass = mass - 0.75 * own * cosine * cosine
            found.append((half, cosine, torque))
        thrust = force / mass
        bent = (-0.75 / half * (thrust * cosine + torque) for half, cosine, torque in found)
        return [speed, *turnings, thrust, *bent]


class Carts:
    """N carts side by side, units of one layer of a cell.

    Args:
        cart: the cell.
        count: N.

    Attributes:
        push: [N], to be set before a step.
    """

    def __init__(self, cart: Cart, count: int):
        self._cell = Stepper(cart.equations, 1, count, {}, dtype=cart.dtype)
        self.names, self.push = tuple(cart.state), np.zeros(count, cart.dtype)
        self._nothing, self._place = np.zeros(1, cart.dtype), np.zeros(count, cart.dtype)
        self._at = self._nothing.ctypes.data, self._place.ctypes.data, [self.push.ctypes.data]

    @property
    def state(self) -> np.ndarray:
        """The states [S, N] in the order of the cell; may be set."""
        return np.concatenate(list(self._cell.state.values()))

    @state.setter
    def state(self, state: np.ndarray) -> None:
        self._cell.state = dict(zip(self.names, np.asarray(state)[:, None], strict=True))

    def step(self) -> None:
        """Take the step of 0.02 s."""
        self._cell.step_at(*self._at)


@cache
def carts(kind: type[Cart], count: int) -> Carts:
    """Return so many carts, whose equations are compiled once."""
    return Carts(kind(), count)


def drive(
    kind: type[Cart], networks: Population, starts: np.ndarray, steps: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what carts do, in blocks of T steps, until all are lost: states [T, S, N], and who was never lost, [T, N].

    Network p drives its K of the N = P K carts by its first output; it sees place and angles, which are the first
    states. A cart that is lost drives on, whatever becomes of it.
    """
    count, scale = starts.shape[1], 1 / np.array(kind.scale, kind.dtype)
    bound, side_by_side = np.array(kind.bound, kind.dtype)[:, None], carts(kind, count)
    seen = np.zeros((networks.networks, networks.rows, len(scale)), np.float32)
    said = np.zeros((networks.networks, networks.rows, networks.output_size), np.float32)
    columns = seen.reshape(count, -1).T
    networks.reset()
    side_by_side.state = starts
    now, alive = side_by_side.state, np.ones(count, bool)
    for done in range(0, steps, BLOCK):
        states = np.empty((min(BLOCK, steps - done), *now.shape), kind.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # of carts that are lost
            for t in range(len(states)):
                for k, factor in enumerate(scale):
                    np.multiply(now[k], factor, out=columns[k], casting="same_kind")
                side_by_side.push[:] = networks.step(seen, said)[:, :, 0].ravel()
                side_by_side.step()
                states[t] = now = side_by_side.state
            never_lost = np.asarray((np.abs(states[:, : len(scale)]) <= bound).all(1))
        for row in never_lost:
            row &= alive
            alive = row
        yield states, never_lost
        if not alive.any():
            break


def balanced(kind: type[Cart], networks: Population, starts: np.ndarray, steps: int) -> np.ndarray:
    """Return how many steps each cart [N] is balanced, at most `steps`."""
    return np.sum([never_lost.sum(0) for _, never_lost in drive(kind, networks, starts, steps)], 0)
