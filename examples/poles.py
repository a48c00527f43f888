"""Poles on a cart whose velocities are hidden, many carts side by side: the benchmarks of recurrent neuroevolution.

`CartPole` has the equations of gymnasium's CartPole-v1 (Barto, Sutton & Anderson 1983). `DoublePole` has Wieland's
equations (1991) with two poles of 1 m and 0.1 m, integrated by Runge and Kutta's fourth order in steps of 0.01 s, two
for each action, as Gomez's code has them that NEAT, ESP and CoSyNE were tried on.
"""

from __future__ import annotations

from itertools import product

import numpy as np

DEGREE = np.pi / 180
LOOK = 8  # steps between two looks whether all is lost
GRAVITY = 9.8
TIME, PUSH, SHARE = 0.02, 10 / 1.1, 0.05 / 1.1  # of CartPole
STEEP = 1e15  # a product and two bounds are a sign without branches


class CartPole:
    """Carts [P, K] with a pole each; the action pushes left or right; a cart is lost at 2.4 m or 12 degrees.

    A step makes no arrays: at hundreds of carts that is most of its time.

    Attributes:
        state: [2, 2, P, K], position and angle, then their velocities; a step writes into it.
    """

    inputs, steps = 2, 500
    BOUND = np.array([2.4, 12 * DEGREE])

    def __init__(self, starts: np.ndarray, dtype: type = np.float32):
        """Begin at starts [2, 2, P, K]."""
        self.state = np.array(starts, dtype, order="C")
        shape = self.state.shape[2:]
        self._seen, self._spare = np.empty((*shape, 2), dtype), np.empty((3, *shape), dtype)
        self._change, self._inside = np.empty((2, *shape), dtype), np.empty((2, *shape), bool)
        self._bound = self.BOUND.astype(dtype)[:, None, None]

    @staticmethod
    def starts(random: np.random.Generator, networks: int, rows: int) -> np.ndarray:
        """Draw the K starts that all networks share."""
        drawn = random.uniform(-0.05, 0.05, (2, 2, 1, rows))
        return np.broadcast_to(drawn, (2, 2, networks, rows))

    def observe(self) -> np.ndarray:
        """Position and angle [P, K, 2], scaled to their bounds; the next call overwrites them."""
        for k in range(2):
            np.multiply(self.state[0, k], 1 / self.BOUND[k], out=self._seen[:, :, k])
        return self._seen

    def step(self, action: np.ndarray) -> np.ndarray:
        """Push right where the action [P, K] is above 0, else left; return which carts are not lost, [P, K].

        The force F of 10 N and the pole, which turns by w, give thrust = (F + 0.05 w^2 sin a) / 1.1. The acceleration
        of the angle a is (g sin a - thrust cos a) / (2/3 - 0.05 cos^2 a / 1.1), that of the cart is thrust less
        0.05 cos a / 1.1 times it.
        """
        (_, angle), (_, turning) = places, speeds = self.state
        (cosine, part, force), (thrust, bent) = self._spare, self._change
        np.sin(angle, out=bent)
        np.cos(angle, out=cosine)
        np.multiply(action, STEEP, out=force)
        np.minimum(force, PUSH, out=force)
        np.maximum(force, -PUSH, out=force)
        np.multiply(turning, turning, out=thrust)
        thrust *= bent
        thrust *= SHARE
        thrust += force
        bent *= GRAVITY
        np.multiply(cosine, thrust, out=part)
        bent -= part
        np.multiply(cosine, cosine, out=part)
        part *= -SHARE
        part += 2 / 3
        bent /= part
        cosine *= bent
        cosine *= SHARE
        thrust -= cosine
        spare = np.multiply(speeds, TIME, out=self._spare[:2])
        places += spare
        self._change *= TIME
        speeds += self._change
        np.less_equal(np.abs(places, out=spare), self._bound, out=self._inside)
        return np.logical_and(*self._inside)


class DoublePole:
    """Carts [P, K] with two poles each; a cart is lost at 2.4 m or 36 degrees of either pole.

    The state is [2, 3, P, K]: position and angles (long pole first), then their velocities.
    """

    inputs, steps = 3, 1000
    HALF = np.array([0.5, 0.05])[:, None, None]
    MASS = np.array([0.1, 0.01])[:, None, None]
    FRICTION = 0.000002  # of the hinges; the cart has none
    SCALE = np.array([4.8, 0.52, 0.52])
    BOUND = np.array([2.4, 36 * DEGREE, 36 * DEGREE])[:, None, None]

    def __init__(self, starts: np.ndarray, friction: float = FRICTION):
        self.state, self.friction = np.array(starts, np.float64), friction

    @staticmethod
    def usual(networks: int) -> np.ndarray:
        """The start of the fitness test: all zero, the long pole at 0.07 rad."""
        state = np.zeros((2, 3, networks, 1))
        state[0, 1] = 0.07
        return state

    @staticmethod
    def generalisation() -> np.ndarray:
        """The 625 starts of Gruau, Whitley & Pyeatt 1996 for one network: five values each of four numbers."""
        shares = (0.05, 0.25, 0.5, 0.75, 0.95)
        ranges = np.array([2.16, 1.35, 3.6 * DEGREE, 8.6 * DEGREE])
        drawn = (np.array(list(product(shares, repeat=4))) * 2 - 1) * ranges
        state = np.zeros((2, 3, 1, 625))
        state[0, 0, 0], state[1, 0, 0], state[0, 1, 0], state[1, 1, 0] = drawn.T
        return state

    def observe(self) -> np.ndarray:
        """Position and angles [P, K, 3], scaled."""
        return np.ascontiguousarray(np.moveaxis(self.state[0], 0, 2) / self.SCALE, np.float32)

    def step(self, action: np.ndarray) -> np.ndarray:
        """Push with 10 N times the action [P, K] of -1 to 1; returns which carts are not lost, [P, K]."""
        force = 10.0 * np.asarray(action, np.float64)
        for _ in range(2):
            y, h = self.state, 0.01
            k1 = self.slope(y, force)
            k2 = self.slope(y + h / 2 * k1, force)
            k3 = self.slope(y + h / 2 * k2, force)
            k4 = self.slope(y + h * k3, force)
            self.state = y + h / 6 * (k1 + 2 * (k2 + k3) + k4)
        return (np.abs(self.state[0]) <= self.BOUND).all(0)

    def slope(self, state: np.ndarray, force: np.ndarray) -> np.ndarray:
        """The time derivative of a state: Wieland's equations, both poles at once."""
        angle, turning = state[0, 1:], state[1, 1:]
        sine, cosine = np.sin(angle), np.cos(angle)
        torque = self.friction / (self.MASS * self.HALF) * turning - GRAVITY * sine
        pull = self.MASS * (self.HALF * turning * turning * sine + 0.75 * cosine * torque)
        inertia = self.MASS * (1 - 0.75 * cosine * cosine)
        found = np.empty_like(state)
        found[0] = state[1]
        found[1, 0] = (force + pull.sum(0)) / (1 + inertia.sum(0))
        found[1, 1:] = -0.75 / self.HALF * (found[1, 0] * cosine + torque)
        return found


def balanced(networks, poles, steps: int) -> np.ndarray:
    """Return how many steps each cart [P, K] is balanced, at most `steps`; a lost cart counts no further."""
    networks.reset()
    alive = np.ones(poles.state.shape[-2:], bool)
    count = np.zeros(alive.shape, int)
    said = np.empty((networks.networks, networks.rows, networks.output_size), networks.dtype)
    for t in range(steps):
        alive &= poles.step(act(poles, networks.step(poles.observe(), said)[:, :, 0]))
        count += alive
        if t % LOOK == 0 and not alive.any():
            break
    return count


def damped(networks, poles: DoublePole, steps: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Return the fitness of Gruau, Whitley & Pyeatt 1996, [P], and the steps balanced, [P].

    It is 0.1 t / 1000 + 0.9 f, where t steps are balanced and f is 0 for t < 100, else 0.75 over the sum of
    |x| + |dx/dt| + |angle| + |d angle/dt| (of the long pole) over the last 100 steps; it damps oscillations.
    """
    networks.reset()
    count, alive = np.zeros(networks.networks, int), np.ones(networks.networks, bool)
    moved = np.zeros((steps, networks.networks))
    for t in range(steps):
        alive &= poles.step(act(poles, networks.step(poles.observe())[:, :, 0]))[:, 0]
        count += alive
        moved[t] = np.abs(poles.state[:, :2, :, 0]).sum((0, 1))
        if not alive.any():
            break
    total = np.concatenate([np.zeros((1, networks.networks)), np.cumsum(np.where(np.isfinite(moved), moved, 0.0), 0)])
    columns = np.arange(networks.networks)
    last = total[count, columns] - total[np.maximum(count - 100, 0), columns]
    calm = np.where(count >= 100, 0.75 / np.maximum(last, 1e-9), 0.0)
    return 0.1 * count / steps + 0.9 * calm, count


def act(poles, action: np.ndarray) -> np.ndarray:
    """Squash the force of two poles, where no number does not push; a single pole looks at the sign alone."""
    return np.clip(np.nan_to_num(action), -1, 1) if isinstance(poles, DoublePole) else action


def lasts(equations, units: int, weights: np.ndarray, steps: int) -> bool:
    """Whether a network balances two poles from the usual start for so many steps.

    Where cart and network come back to a state that they were in before, to the bit, the rest is known.
    """
    from keepgate.population import Population

    network, poles = Population(equations, 3, units, 0, 1), DoublePole(DoublePole.usual(1))
    network.load(weights[None])
    seen, next_look = b"", 1
    for t in range(1, steps + 1):
        if not poles.step(act(poles, network.step(poles.observe())[:, :, 0]))[0, 0]:
            return False
        now = poles.state.tobytes() + b"".join(value.tobytes() for value in network.state.values())
        if now == seen:
            return True
        if t == next_look:  # looks at powers of two find a cycle of any length (Brent 1980)
            seen, next_look = now, 2 * next_look
    return True
