"""The trials of two poles without velocities: the damping fitness, generalisation, and whether a network lasts."""

from __future__ import annotations

from itertools import product

import numpy as np
from poles import DEGREE, TwoPoles, drive

from keepgate.population import Population

STEPS, ENOUGH = 1000, 200  # of a trial; of the 625 starts, how many have to be balanced


def usual(count: int) -> np.ndarray:
    """Return the start of a trial [6, N]: all zero, the long pole at 0.07 rad."""
    state = np.zeros((6, count))
    state[1] = 0.07
    return state


def generalisation() -> np.ndarray:
    """Return the 625 starts of Gruau, Whitley & Pyeatt 1996, [6, 625]: five values each of four numbers."""
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    ranges = np.array([2.16, 1.35, 3.6 * DEGREE, 8.6 * DEGREE])
    state = np.zeros((6, 625))
    state[[0, 3, 1, 4]] = ((np.array(list(product(shares, repeat=4))) * 2 - 1) * ranges).T
    return state


def damped(networks: Population, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Return the fitness of Gruau, Whitley & Pyeatt 1996, [P], and the steps balanced, [P].

    It is 0.1 t / 1000 + 0.9 f, where t steps are balanced and f is 0 for t < 100, else 0.75 over the sum of
    |x| + |dx/dt| + |angle| + |d angle/dt| (of the long pole) over the last 100 steps; it damps oscillations.
    """
    blocks = zip(*drive(TwoPoles, networks, usual(networks.networks), steps), strict=True)
    states, never_lost = map(np.concatenate, blocks)
    count = never_lost.sum(0)
    with np.errstate(over="ignore"):  # of carts that are lost
        moved = np.where(never_lost, np.abs(states[:, [0, 1, 3, 4]]).sum(1), 0.0)
    last = np.where(np.arange(len(moved))[:, None] >= count - 100, moved, 0.0).sum(0)
    calm = np.where(count >= 100, 0.75 / np.maximum(last, 1e-9), 0.0)
    return 0.1 * count / steps + 0.9 * calm, count


def generalises(network: Population) -> int:
    """Return from how many of the 625 starts one network balances; as soon as they are too few, how many are left."""
    left = 0
    for _, never_lost in drive(TwoPoles, network, generalisation(), STEPS):
        left = int(never_lost[-1].sum())
        if left < ENOUGH:
            break
    return left


def lasts(network: Population, steps: int = 100_000) -> bool:
    """Return whether one network balances from the usual start for so many steps.

    Where cart and network come back to a state that they were in before, to the bit, the rest is known.
    """
    seen, next_look, alive = b"", 1, False
    for block, (states, never_lost) in enumerate(drive(TwoPoles, network, usual(1), steps), 1):
        alive = bool(never_lost[-1, 0])
        state = states[-1].tobytes() + b"".join(value.tobytes() for value in network.state.values())
        if state == seen:
            break
        if block == next_look:  # looks at powers of two find a cycle of any length (Brent 1980)
            seen, next_look = state, 2 * next_look
    return alive
