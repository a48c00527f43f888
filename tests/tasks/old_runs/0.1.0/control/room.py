import gymnasium
import numpy as np
from gymnasium import spaces


class Room(gymnasium.Env):
    observation_space, action_space = spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cue, self.t = int(self.np_random.integers(3)), 0
        return np.array([self.cue - 1, 0], np.float32), {}

    def step(self, action):
        self.t += 1
        return np.array([0, self.t / 4], np.float32), float(action == self.cue), self.t == 4, False, {}


def make():
    return Room()
