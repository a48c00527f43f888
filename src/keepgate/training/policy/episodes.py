"""Whole episodes under a policy that does not change: what it gains, from starts of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from keepgate.actions import Actions, Inputs

__all__ = ["Episodes", "chance_episodes", "run_episodes"]

Act = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


@dataclass
class Episodes:
    """What E episodes came to.

    Attributes:
        returns: sums of rewards, [E].
        lengths: in steps, [E].
        seeds: that they began with, [E].
    """

    returns: np.ndarray
    lengths: np.ndarray
    seeds: np.ndarray


def run_episodes(
    network: Any,
    environments: Any,
    inputs: Inputs,
    seeds: np.ndarray,
    longest: int,
    random: np.random.Generator | None = None,
    forgetful: bool = False,
) -> Episodes:
    """Let a policy act in one episode a row, and return what came of each.

    Args:
        network: the policy.
        environments: N rows.
        inputs: how the network's inputs are put together.
        seeds: of the episodes, [N].
        longest: steps after which an episode is left.
        random: draws the actions; None: the likeliest are taken.
        forgetful: begin each step in the initial state, as a policy without memory would.
    """
    actions, count = inputs.actions, environments.count
    stream, standardised, policy = network.recurrent.stream(count), network.standardiser(), network.head("policy")
    x, output = torch.empty(count, inputs.size), torch.empty(count, network.width)
    read, said = x.numpy(), output.numpy()
    before = None

    def act(observation: np.ndarray, reward: np.ndarray | None) -> np.ndarray:
        nonlocal before
        read[:] = standardised(inputs.rows(observation, before, reward))
        if forgetful:
            stream.reset()
        stream.step(x, output)
        outputs = policy(said)
        before = actions.greedy(outputs) if random is None else actions.drawn(outputs, actions.noise(random, count))
        return before

    return _played(environments, seeds, longest, act)


def _played(environments: Any, seeds: np.ndarray, longest: int, act: Act) -> Episodes:
    """Play an episode in each row; `act` returns actions [N, A] from what is seen, and the rewards just before."""
    count = environments.count
    going, returns, lengths = np.ones(count, bool), np.zeros(count), np.zeros(count, int)
    seen, reward = environments.reset(seeds), None
    for _ in range(longest):
        moved = environments.step(act(seen, reward))
        returns += np.where(going, moved.reward, 0.0)
        lengths += going
        going &= ~(moved.terminated | moved.truncated)
        if not going.any():
            break
        seen, reward = moved.observation, moved.reward
    return Episodes(returns, lengths, np.asarray(seeds))


def chance_episodes(environments: Any, actions: Actions, seeds: np.ndarray, longest: int, seed: int) -> Episodes:
    """Return what episodes come to whose actions are drawn by chance.

    Args:
        environments: N rows.
        actions: that can be taken.
        seeds: of the episodes, [N].
        longest: steps after which an episode is left.
        seed: of the actions.
    """
    random, none = np.random.default_rng(seed), np.zeros((environments.count, actions.outputs), np.float32)
    return _played(environments, seeds, longest, lambda *_: actions.drawn(none, actions.noise(random, len(none))))
