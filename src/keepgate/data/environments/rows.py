"""N copies of an environment as rows that are stepped together, whatever resets them.

A vector environment of gymnasium begins a new episode in one of three ways: with the step after the last (the action
of that step is not used, and its row is no step of any episode), within the last step (whose observation is then in
`info`), or when it is asked to. Here they look alike: a `Moved` says what came of a step, and what is seen next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from keepgate.data.environments.making import Source
from keepgate.data.environments.spaces import Observations, actions_of, given_to
from keepgate.errors import InputError, KeepgateError, reason

__all__ = ["Environments", "Moved"]


class Moved(NamedTuple):
    """What came of a step of N rows.

    Attributes:
        observation: what is seen next, [N, W].
        first: whether that is the first observation of an episode, [N].
        reward: [N].
        terminated: the episode ended, and nothing is to be gained after it, [N].
        truncated: the episode was cut off; it would have gone on, [N].
        last: what the action led to, [N, W]: for rows that ended, the last observation of the episode.
        valid: whether this was a step of an episode, [N]; if not, the other entries mean nothing.
    """

    observation: np.ndarray
    first: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    last: np.ndarray
    valid: np.ndarray


class Environments:
    """Rows of an environment.

    Args:
        source: makes them.
        count: N.

    Attributes:
        seen: how observations become arrays.
        actions: what can be done.
        picked: numbers of the values of an observation that are seen; None: all.
        width: W, of what is seen of an observation.
        measured: which of the W values are numbers, [W].
        steps: that were taken, of all rows.

    Raises:
        InputError: the environment cannot be made, or has spaces of a kind that cannot be used.
    """

    def __init__(self, source: Source, count: int) -> None:
        self.source, self.count = source, count
        self.env: VectorEnv[Any, Any, Any] = source.vector(count)
        self.mode = self.env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        self.seen = Observations(self.env.single_observation_space, f"the observation space of {source}")
        self.actions = actions_of(self.env.single_action_space, f"the action space of {source}")
        self._give = given_to(self.env.single_action_space)
        self.picked = source.picked(self.env, self.seen.width)
        self.measured = self.seen.measured if self.picked is None else self.seen.measured[self.picked]
        self.width, self.steps = len(self.measured), 0
        self._over = np.zeros(count, bool)

    def reset(self, seeds: np.ndarray) -> np.ndarray:
        """Begin an episode in every row and return what is seen, [N, W].

        Args:
            seeds: [N] integers; an environment with one source of random numbers for all rows takes the first.
        """
        given = [int(seed) for seed in seeds]
        seed: Any = given if hasattr(self.env, "envs") else given[0]
        self._over = np.zeros(self.count, bool)
        observation, _ = self._asked(lambda: self.env.reset(seed=seed))
        return self._flat(observation)

    def step(self, numbers: np.ndarray) -> Moved:
        """Take a step with actions [N, A], as `Actions` has them.

        Raises:
            InputError: the environment raised an error; the message names the step.
        """
        given = self._give(self.actions.values(numbers))
        raw, reward, terminated, truncated, info = self._asked(lambda: self.env.step(given))
        valid = ~self._over
        self.steps += int(valid.sum())
        observation = last = self._flat(raw)
        terminated, truncated = np.asarray(terminated, bool) & valid, np.asarray(truncated, bool) & valid
        over = terminated | truncated
        reward = np.asarray(reward, np.float64)
        if self.mode == AutoresetMode.NEXT_STEP:
            first, self._over = self._over, over
            return Moved(observation, first, reward, terminated, truncated, last, valid)
        if over.any():
            if self.mode == AutoresetMode.SAME_STEP:
                last = self._finals(observation, info, over)
            else:
                observation = self._begun(over)
        return Moved(observation, over, reward, terminated, truncated, last, valid)

    def _finals(self, observation: np.ndarray, info: Any, over: np.ndarray) -> np.ndarray:
        """Return the last observations of the rows that are over, which a reset in the same step put into `info`."""
        finals = info.get("final_obs")
        if finals is None:
            raise InputError(f"{self.source} resets within a step, but gives no final_obs")
        last = observation.copy()
        for row in np.flatnonzero(over):
            one = finals[row] if isinstance(finals, np.ndarray) else _row(finals, row)
            last[row] = self._flat(_batch_of_one(one))[0]
        return last

    def _begun(self, over: np.ndarray) -> np.ndarray:
        """Begin new episodes in the rows that are over, and return what all see."""
        raw, _ = self._asked(lambda: self.env.reset(options={"reset_mask": over}))
        return self._flat(raw)

    def _flat(self, observation: Any) -> np.ndarray:
        flat = self.seen.flat(observation)
        return flat if self.picked is None else np.ascontiguousarray(flat[:, self.picked])

    def _asked(self, call: Any) -> Any:
        try:
            return call()
        except KeepgateError:
            raise
        except Exception as error:
            where = f"after {self.steps:,} steps" if self.steps else "at its beginning"
            raise InputError(f"{self.source} raised {type(error).__name__} {where}: {reason(error)}") from error

    def close(self) -> None:
        """Let go of what the environment holds."""
        if not self.source.shared:
            self.env.close()


def _row(values: Any, row: Any) -> Any:
    """Return a row of a batch of a Dict or Tuple space."""
    if isinstance(values, dict):
        return {key: _row(value, row) for key, value in values.items() if not key.startswith("_")}
    return tuple(_row(value, row) for value in values) if isinstance(values, tuple) else values[row]


def _batch_of_one(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _batch_of_one(one) for key, one in value.items()}
    return tuple(map(_batch_of_one, value)) if isinstance(value, tuple) else np.asarray(value)[None]
