"""One update of a policy: passes over a window of experience, in minibatches of whole rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from keepgate.actions import Actions
from keepgate.training.optimizer import clip
from keepgate.training.policy import ppo, reinforce
from keepgate.training.policy.distribution import entropy, log_prob
from keepgate.training.policy.rollout import Rollout
from keepgate.training.policy.streams import States, of_rows

__all__ = ["METHODS", "Weights", "update"]


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
    steps = Steps(network, actions, rollout, advantage)
    parameters, seen, count = list(network.parameters()), [], rollout.x.shape[1]
    whole = steps.batch(np.arange(count))
    for _ in range(passes if method.several else 1):
        order = random.permutation(count)
        for chosen in np.array_split(order, max(1, round(count / rows))):
            batch = whole if len(chosen) == count else steps.batch(chosen)
            loss, about = batch.loss(network, actions, method, weights)
            optimizer.zero_grad()
            loss.backward()
            about["norm"] = clip(parameters, clip_norm)
            optimizer.step()
            seen.append(about)
    return {name: float(np.mean([float(one[name]) for one in seen])) for name in seen[0]}


class Steps:
    """The steps of a window that are learned from: what each action is to be judged by.

    The core's resets lead to the state that a sequence began in. A row that goes on from the window before, and has an
    episode that begins within this one, is therefore two sequences: its end of the old episode, from the state that the
    collector had, and the rest, from the initial state on.

    Args:
        network: the policy.
        actions: that it draws.
        rollout: the window.
        advantage: of its actions, [T, N]; here they get mean 0 and deviation 1.
    """

    def __init__(self, network: Any, actions: Actions, rollout: Rollout, advantage: np.ndarray) -> None:
        self.rollout = rollout
        steps = len(rollout.x)
        first = rollout.first.numpy()
        goes_on = torch.stack([one.abs().amax((0, 2)) for state in rollout.states for one in state]).amax(0).numpy() > 0
        begins = np.where(first.any(0), first.argmax(0), steps)
        self.cut = np.where(goes_on, begins, 0)  # where each row's second sequence begins
        own = advantage[rollout.valid]
        told = (advantage - own.mean()) / (own.std() + 1e-8)
        with torch.no_grad():
            target = network.scaled(torch.from_numpy(advantage + rollout.value))
            self.told = torch.stack([torch.zeros(first.shape), torch.from_numpy(told), target]).float().flatten(1)
            whole = self.batch(np.arange(first.shape[1]))
            drawn = network.outputs([output.flatten(0, 1)[whole.where] for output in rollout.outputs])
            self.told[0, whole.where] = log_prob(actions, drawn, whole.numbers)

    def batch(self, rows: np.ndarray) -> Batch:
        """Return the steps of some rows, as sequences of falling length."""
        window, steps, cut = self.rollout, len(self.rollout.x), self.cut[rows]
        row = np.concatenate([rows, rows])
        start = np.concatenate([np.zeros_like(cut), cut])
        length = np.concatenate([cut, steps - cut])
        order = np.argsort(-length, kind="stable")
        order = order[length[order] > 0]
        row, start, length, carries = row[order], start[order], length[order], order < len(rows)
        time = start + np.arange(length[0])[:, None]
        inside = time < start + length
        time = np.minimum(time, steps - 1)
        valid = inside & window.valid[time, row]
        where = torch.from_numpy((time * window.x.shape[1] + row)[valid])
        index, keeps = torch.from_numpy(row), torch.from_numpy(carries.astype(np.float32))[:, None]
        times = torch.from_numpy(time)
        before, advantage, target = self.told[:, where]
        return Batch(
            window.x[times, index],
            window.first[times, index],
            None if (length == length[0]).all() else torch.from_numpy(length),
            [tuple(one * keeps for one in state) for state in of_rows(window.states, index)],
            torch.from_numpy(np.flatnonzero(valid)),
            where,
            window.numbers.flatten(0, 1)[where],
            before,
            advantage,
            target,
        )


class Batch(NamedTuple):
    """Steps of some rows as P sequences, of which M are steps of episodes.

    Attributes:
        x: inputs, [T, P, I].
        first: steps that begin in the initial state, [T, P].
        lengths: [P], falling; None: all are T.
        states: of all layers, before the first steps.
        index: of the M steps among the T P of `x`.
        where: of the M steps among those of the window.
        numbers: actions, [M, A].
        before: logarithms of their probabilities when they were drawn, [M].
        advantage: [M].
        target: of values, as the network says them, [M].
    """

    x: Tensor
    first: Tensor
    lengths: Tensor | None
    states: States
    index: Tensor
    where: Tensor
    numbers: Tensor
    before: Tensor
    advantage: Tensor
    target: Tensor

    def outputs(self, network: Any) -> list[Tensor]:
        """Return the outputs of all layers at the M steps, [M, W] each."""
        found = network.through(self.x, self.states, self.first, self.lengths)
        return [output.flatten(0, 1).index_select(0, self.index) for output in found]

    def loss(self, network: Any, actions: Actions, method: Method, weights: Weights) -> tuple[Tensor, dict[str, Any]]:
        """Return the loss, and what is to be told of it."""
        told = self.outputs(network)
        outputs = network.outputs(told)
        log = log_prob(actions, outputs, self.numbers)
        policy = method.loss(log, self.before, self.advantage, weights.clip)
        error = 0.5 * (network.scaled_values(told) - self.target).square().mean()
        spread = entropy(actions, outputs).mean()
        total = policy + weights.value * error - weights.entropy * spread
        with torch.no_grad():
            moved = (log - self.before).exp() - 1 - (log - self.before)  # Schulman 2020, "Approximating KL", k3
        told = {"policy_loss": policy, "value_loss": error, "entropy": spread, "divergence": moved.mean()}
        return total, {name: value.detach() for name, value in told.items()}
