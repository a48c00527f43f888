"""A window of experience: what rows of an environment went through under a policy, and what its pass needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.actions import Inputs
from keepgate.errors import InputError
from keepgate.training.policy.streams import States, Streams, joined, of_rows

__all__ = ["Collector", "Rollout"]


@dataclass
class Rollout:
    """T steps of N rows.

    Attributes:
        raw: inputs as they came, [T, N, I].
        x: inputs as the recurrence reads them, [T, N, I].
        first: whether a step is the first of its episode, [T, N].
        states: of the policy's layers, and the critic's, before the first step.
        outputs: of the same layers, [T, N, W] each.
        numbers: actions, [T, N, A].
        reward: [T, N].
        over: whether the episode ended with the step, [T, N].
        valid: whether it was a step of an episode at all, [T, N].
        value: of each step's state, [T, N].
        following: value of the state that it led to: 0 where the episode terminated, and that of the true last
            observation where it was cut off, [T, N].
        returns: of the episodes that ended, undiscounted.
        lengths: of the episodes that ended.
    """

    raw: np.ndarray
    x: Tensor
    first: Tensor
    states: States
    outputs: list[Tensor]
    numbers: Tensor
    reward: np.ndarray
    over: np.ndarray
    valid: np.ndarray
    value: np.ndarray = field(default_factory=lambda: np.zeros(0))
    following: np.ndarray = field(default_factory=lambda: np.zeros(0))
    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)


class Collector:
    """Lets a policy act in rows of an environment, by a stream of its recurrence.

    Args:
        environments: the rows.
        network: the policy.
        inputs: how its inputs are put together.
        random: of the actions.
    """

    def __init__(self, environments: Any, network: Any, inputs: Inputs, random: np.random.Generator) -> None:
        self.environments, self.network, self.inputs, self.random = environments, network, inputs, random
        self.count = environments.count
        self.gained, self.lasted = np.zeros(self.count), np.zeros(self.count, int)
        self.states: States | None = None

    def begin(self, seeds: np.ndarray) -> None:
        """Begin new episodes in all rows."""
        self.first = np.ones(self.count, bool)
        self.raw = self.inputs.rows(self.environments.reset(seeds), None, None)
        self.gained[:], self.lasted[:], self.states = 0.0, 0, None

    def collect(self, steps: int) -> Rollout:
        """Take so many steps.

        Raises:
            InputError: a reward or an observation is no finite number.
        """
        network, actions, shape = self.network, self.inputs.actions, (steps, self.count)
        streams = Streams(network.layers, self.count)
        if self.states is not None:
            streams.states = self.states
        raw = np.empty((*shape, self.inputs.size), np.float32)
        x, outputs = torch.empty(raw.shape), [torch.empty(*shape, network.width) for _ in network.layers]
        first, over, valid = (np.zeros(shape, bool) for _ in range(3))
        terminated, numbers = np.zeros(shape, bool), np.empty((*shape, actions.numbers), np.float32)
        reward = np.zeros(shape)
        found = Rollout(
            raw, x, torch.from_numpy(first), streams.states, outputs, torch.from_numpy(numbers), reward, over, valid
        )
        noise, standardised, policy = actions.noise(self.random, *shape), network.standardiser(), network.head("policy")
        xs, told = x.unbind(), list(zip(*(output.unbind() for output in outputs), strict=True))
        read, cut = x.numpy(), _Cut()
        for t in range(steps):
            if self.first.any():
                streams.reset(self.first)
            first[t], raw[t], read[t] = self.first, self.raw, standardised(self.raw)
            streams.step(xs[t], told[t])
            numbers[t] = chosen = actions.drawn(policy(told[t][0].numpy()), noise[t])
            moved = self.environments.step(chosen)
            reward[t], valid[t], terminated[t] = np.where(moved.valid, moved.reward, 0.0), moved.valid, moved.terminated
            over[t] = ended = moved.terminated | moved.truncated
            if ended.any():
                self._end(found, moved.valid, reward[t], ended)
                rows = np.flatnonzero(moved.truncated & ~moved.terminated)
                if len(rows):
                    seen = self.inputs.rows(moved.last, chosen, reward[t])[rows]
                    cut.add(t, rows, streams.states, standardised(seen))
            else:
                self.gained += reward[t]
                self.lasted += moved.valid
            self.first = moved.first
            self.raw = self.inputs.begin(self.inputs.rows(moved.observation, chosen, reward[t]), self.first)
        self.states = streams.states
        self._check(found)
        cut.add(steps, np.arange(self.count), self.states, standardised(self.raw))
        self._judge(found, terminated, cut)
        return found

    def _end(self, found: Rollout, valid: np.ndarray, reward: np.ndarray, ended: np.ndarray) -> None:
        """Count a step after which some episodes are over."""
        self.gained += reward
        self.lasted += valid
        found.returns += self.gained[ended].tolist()
        found.lengths += self.lasted[ended].tolist()
        self.gained[ended], self.lasted[ended] = 0.0, 0

    def _check(self, found: Rollout) -> None:
        for what, wrong in (("reward", ~np.isfinite(found.reward)), ("observation", ~np.isfinite(found.raw).all(2))):
            if wrong.any():
                t, row = np.argwhere(wrong)[0]
                value = f" {found.reward[t, row]}" if what == "reward" else " that is not all finite numbers"
                step = self.environments.steps - int(found.valid[t:].sum()) + 1
                raise InputError(
                    f"{self.environments.source} gave the {what}{value} at about step {step:,} (row {row})"
                )

    def _judge(self, found: Rollout, terminated: np.ndarray, cut: _Cut) -> None:
        """Set the values of the states, and of those that they led to."""
        with torch.no_grad():
            found.value = self.network.values(found.outputs).numpy()
            beyond = self.network.values(self.network.through(*cut.batch()))[0].numpy()
        steps = np.concatenate([found.value, beyond[None, -self.count :]])
        found.following = np.where(terminated, 0.0, steps[1:])
        for (t, rows), values in cut.each(beyond):
            found.following[t, rows] = values


class _Cut:
    """States whose value is asked for although no step followed them: of episodes cut off, and at the window's end."""

    def __init__(self) -> None:
        self.where: list[tuple[int, np.ndarray]] = []
        self.states: list[States] = []
        self.xs: list[np.ndarray] = []

    def add(self, t: int, rows: np.ndarray, states: States, x: np.ndarray) -> None:
        self.where.append((t, rows))
        self.states.append(of_rows(states, torch.from_numpy(rows)))
        self.xs.append(np.asarray(x, np.float32))

    def batch(self) -> tuple[Tensor, States]:
        """Return all as one step, [1, M, I], and the states before it."""
        x = torch.from_numpy(np.concatenate(self.xs))[None]
        return x, joined(self.states)

    def each(self, values: np.ndarray) -> list[tuple[tuple[int, np.ndarray], np.ndarray]]:
        """Return the places within the window, each with its values; those at its end came last, and are left out."""
        ends = np.cumsum([len(rows) for _, rows in self.where])
        return list(zip(self.where[:-1], np.split(values, ends[:-1])[:-1], strict=True))
