"""Small environments whose right answers are known, and environments made of them, for the tests of control."""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from keepgate.data.environments import Environments, Source


class Bit(gymnasium.Env):
    """The first observation has a bit; the last reward asks for the bit of this episode. Episodes have 1 to 3 steps."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bit, self.left = int(self.np_random.integers(2)), int(self.np_random.integers(1, 4))
        return np.array([2 * self.bit - 1, float(self.left == 1)], np.float32), {}

    def step(self, action):
        self.left -= 1
        over = self.left == 0
        reward = float(action == self.bit) if over else 0.0
        return np.array([0.0, float(self.left == 1)], np.float32), reward, over, False, {}


class Clock(gymnasium.Env):
    """Counts its steps in `t`, and sees 0 at first."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1, np.float32), {}


class Forever(Clock):
    """Reward 1 for ever; `ends` after ten steps either cuts an episode off or terminates it."""

    observation_space = spaces.Box(0, 10, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, terminates=False, steps=10):
        self.terminates, self.steps = terminates, steps

    def step(self, action):
        self.t += 1
        over = self.t == self.steps
        seen = np.array([self.t if self.terminates else 0.0], np.float32)
        return seen, 1.0, over and self.terminates, over and not self.terminates, {}


class Cliff(Clock):
    """Two steps, cut off; the last observation is 1, that of a reset 0."""

    observation_space = spaces.Box(0, 1, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def step(self, action):
        self.t += 1
        return np.full(1, self.t == 2, np.float32), 0.0, False, self.t == 2, {}


class Faulty(Forever):
    """Raises an error, or gives a reward that is no number, at its 30th step."""

    def __init__(self, how):
        super().__init__()
        self.how, self.taken = how, 0

    def step(self, action):
        self.taken += 1
        moved = super().step(action)
        if self.taken < 30:
            return moved
        if self.how == "raises":
            raise RuntimeError("the motor\nis hot")
        if self.how == "reward":
            return (moved[0], float("nan"), *moved[2:])
        return (np.full(1, np.nan, np.float32), *moved[1:])


MODES = tuple(AutoresetMode)


def rows_of(make, count, mode=AutoresetMode.DISABLED, **seen):
    """Environments of so many rows that are reset in a mode."""
    source = Source("room", make, lambda n: SyncVectorEnv([make] * n, autoreset_mode=mode))
    return Environments(source.seeing(seen.get("observe"), seen.get("hide")), count)
