"""`Policy`: a trained agent that acts step by step, in microseconds, without torch."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np

from keepgate.actions import Actions, Inputs
from keepgate.errors import InputError, KeepgateError, quoted
from keepgate.runtime.recurrent import steppers
from keepgate.runtime.run import Runner
from keepgate.store import read_model

__all__ = ["Policy"]


class Policy:
    """Chooses actions from observations, one step at a time, and remembers what it has seen.

    Args:
        runner: its network.
        inputs: how the network's inputs are put together.
        values: of an observation.
        seen: numbers of those that are seen; None: all.
        batch: rows that act at once, B.
        seed: of actions that are drawn; None: the likeliest are taken.

    Attributes:
        chosen: the numbers of the last actions, [B, A]; None before the first.
    """

    def __init__(
        self,
        runner: Runner,
        inputs: Inputs,
        values: int,
        seen: list[int] | None,
        batch: int = 1,
        seed: int | None = None,
    ) -> None:
        block: Any = next(step.block for step in runner.network.steps if step.name == "recurrent")
        tensors, prefix = runner.tensors, "recurrent."
        own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.inputs, self.values, self.batch = inputs, values, batch
        self._seen = None if seen is None else np.array(seen)
        self._steppers = steppers(block, own, batch, np.dtype(np.float32))
        self._mean, self._scale = tensors["standardise.mean"], tensors["standardise.scale"]
        self._weight, self._bias = np.ascontiguousarray(tensors["policy.weight"].T), tensors["policy.bias"]
        self._random = None if seed is None else np.random.default_rng(seed)
        self.chosen: np.ndarray | None = None
        self._plain = len(inputs.actions.parts) == 1 and inputs.actions.parts[0].kind == "one"

    @classmethod
    def load(cls, folder: str | os.PathLike[str], batch: int = 1, seed: int | None = None) -> Self:
        """Read the policy of a run of `keepgate fit control`; nothing in it is executed.

        Args:
            folder: of the run.
            batch: rows that act at once.
            seed: of actions that are drawn; None: the likeliest are taken.

        Raises:
            InputError: the folder holds no such model, or is damaged.
        """
        config, _ = read_model(folder)
        if config.get("task") != "control":
            raise InputError(f"{folder} holds a model for {quoted(config.get('task'))}, not for 'control'")
        try:
            fitted, given = config["fitted"], config["parameters"]
            seen, values = fitted["seen"], fitted["values"]
            width = values if seen is None else len(seen)
            inputs = Inputs(width, Actions.from_json(fitted["actions"]), given["previous"])
            return cls(Runner.load(folder), inputs, values, seen, batch, seed)
        except KeepgateError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder} is damaged: {type(error).__name__}: {error}") from error

    def act(self, observation: Any, reward: Any = 0.0) -> Any:
        """Return the next action.

        Args:
            observation: what the environment shows, flattened as gymnasium's `flatten` does: [values], or
                [B, values].
            reward: for the action before; it counts only for policies that read it.

        Returns:
            The number of one of several actions, or an array of A numbers; of more than one row, [B] or [B, A].

        Raises:
            InputError: an observation has another number of values.
        """
        rows = np.asarray(observation, np.float32).reshape(self.batch, -1)
        if rows.shape[1] != self.values:
            raise InputError(f"an observation has {self.values} values, got {rows.shape[1]}")
        if self._seen is not None:
            rows = rows[:, self._seen]
        if self.inputs.previous:
            rewards = np.broadcast_to(np.asarray(reward, np.float32), (self.batch,))
            rows = self.inputs.rows(rows, self.chosen, rewards)
        x = ((rows - self._mean) / self._scale).astype(np.float32)
        for stepper in self._steppers:
            x = stepper.step(x)
        outputs, actions = x @ self._weight + self._bias, self.inputs.actions
        if self._random is None:
            numbers = actions.greedy(outputs)
        else:
            numbers = actions.drawn(outputs, actions.noise(self._random, self.batch))
        self.chosen = numbers
        values = actions.values(numbers)
        if self._plain:
            values = values[:, 0].astype(np.int64)
            return int(values[0]) if self.batch == 1 else values
        return values[0] if self.batch == 1 else values

    def reset(self) -> None:
        """Forget: a new episode begins."""
        for stepper in self._steppers:
            stepper.reset()
        self.chosen = None
