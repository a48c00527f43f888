"""One update of a policy: passes over a window of experience, in minibatches of whole rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from keepgate.actions import Actions
from keepgate.training.optimizer import clip
from keepgate.training.policy import ppo, reinforce
from keepgate.training.policy.distribution import entropy, log_prob
from keepgate.training.policy.rollout import Rollout

__all__ = ["METHODS", "Weights", "update"]


PER_STEP = ("x", "first", "numbers", "before", "advantage", "target", "valid")


class Weights(NamedTuple):
    """What an update weighs: how far a policy may move, and what errors of values and entropy count."""

    clip: float
    value: float
    entropy: float


class Method(NamedTuple):
    """An algorithm: its loss, and whether it may take several passes over a window."""

    loss: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    several: bool


METHODS = {"ppo": Method(ppo.loss, True), "reinforce": Method(reinforce.loss, False)}


def update(
    network: Any,
    actions: Actions,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    advantage: np.ndarray,
    method: Method,
    weights: Weights,
    passes: int,
    rows: int,
    clip_norm: float | None,
    random: np.random.Generator,
) -> dict[str, float]:
    """Change a policy by a window of experience and return means of what was seen on the way.

    A minibatch has whole rows, from the state in which the collector began them; steps are never shuffled.

    Args:
        network: the policy.
        actions: that it draws.
        optimizer: of its parameters.
        rollout: the window.
        advantage: of its actions, [T, N].
        method: the algorithm.
        weights: see `Weights`.
        passes: over the window.
        rows: of a minibatch.
        clip_norm: largest norm of the gradient.
        random: which rows come together.
    """
    steps = Steps.of(network, actions, rollout, advantage)
    parameters, seen = list(network.parameters()), []
    for _ in range(passes if method.several else 1):
        order = random.permutation(rollout.x.shape[1])
        for chosen in np.array_split(order, max(1, round(len(order) / rows))):
            batch = steps.rows(chosen) if len(chosen) < len(order) else steps
            loss, about = batch.loss(network, actions, method, weights)
            optimizer.zero_grad()
            loss.backward()
            about["norm"] = clip(parameters, clip_norm)
            optimizer.step()
            seen.append(about)
    return {name: float(np.mean([float(one[name]) for one in seen])) for name in seen[0]}


class Steps(NamedTuple):
    """The steps that are learned from: what the network reads, and what each action is to be judged by."""

    x: Tensor
    first: Tensor
    states: Sequence[Tensor]
    numbers: Tensor
    before: Tensor
    advantage: Tensor
    target: Tensor
    valid: Tensor

    @classmethod
    def of(cls, network: Any, actions: Actions, rollout: Rollout, advantage: np.ndarray) -> Steps:
        """Return those of a window; advantages have mean 0 and deviation 1, targets are as the network says values."""
        valid = torch.from_numpy(rollout.valid)
        with torch.no_grad():
            before = log_prob(actions, network.outputs(rollout.output), rollout.numbers)
            target = network.scaled(torch.from_numpy(advantage + rollout.value)).float()
        told = torch.from_numpy(advantage)
        own = told[valid]
        told = ((told - own.mean()) / (own.std(correction=0) + 1e-8)).float()
        states = rollout.state if isinstance(rollout.state, tuple) else (rollout.state,)
        return cls(rollout.x, rollout.first, states, rollout.numbers, before, told, target, valid)

    def rows(self, chosen: np.ndarray) -> Steps:
        """Return the steps of some rows."""
        index = torch.from_numpy(np.sort(chosen))
        states = [state[:, index] for state in self.states]
        return self._replace(states=states, **{name: getattr(self, name)[:, index] for name in PER_STEP})

    def loss(self, network: Any, actions: Actions, method: Method, weights: Weights) -> tuple[Tensor, dict[str, Any]]:
        """Return the loss, and what is to be told of it."""
        state = tuple(self.states) if len(self.states) > 1 else self.states[0]
        output = network.through(self.x, state, self.first)
        outputs, value = network.outputs(output), network.scaled_values(output)
        log = log_prob(actions, outputs, self.numbers)[self.valid]
        before, advantage = self.before[self.valid], self.advantage[self.valid]
        policy = method.loss(log, before, advantage, weights.clip)
        error = 0.5 * (value - self.target)[self.valid].square().mean()
        spread = entropy(actions, outputs)[self.valid].mean()
        total = policy + weights.value * error - weights.entropy * spread
        with torch.no_grad():
            moved = (log - before).exp() - 1 - (log - before)  # Schulman 2020, "Approximating KL Divergence", k3
        return total, {
            "policy_loss": policy.detach(),
            "value_loss": error.detach(),
            "entropy": spread.detach(),
            "divergence": moved.mean(),
        }
