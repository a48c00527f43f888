"""Sessions: utterances in their order, each beginning in the state that the one before it ended in.

A session is an example whose steps are utterances: truncated back-propagation through time carries the state through
all of it, and the gradient back over the utterances of a window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from keepgate.errors import InputError
from keepgate.training import Examples, Score
from keepgate.training.tree import to_device

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator


TURNS = 4  # utterances in a window of truncated back-propagation


class Sessions(Examples):
    """Utterances by the session that each belongs to.

    In a batch the longest session comes first, so that those that continue are always its first rows.

    Args:
        examples: the N utterances.
        groups: the session of each.
    """

    def __init__(self, examples: Examples, groups: Sequence[Hashable]) -> None:
        rows: dict[Hashable, list[int]] = {}
        for row, group in enumerate(groups):
            rows.setdefault(group, []).append(row)
        self.examples, self.sessions = examples, list(rows.values())

    def __len__(self) -> int:
        return len(self.sessions)

    def length(self, index: int) -> int:
        """Return the number of utterances of session `index`."""
        return len(self.sessions[index])

    def batch(self, indices: Sequence[int]) -> list[list[int]]:
        """Return the numbers of the utterances of the sessions `indices`, the longest first."""
        return sorted((self.sessions[i] for i in indices), key=len, reverse=True)

    def window(self, batch: list[list[int]], start: int, stop: int) -> list[tuple[Any, float]]:
        """Return for each step from start to stop the batch of the sessions that are so long, and its weight."""
        turns = [self.turn(batch, step) for step in range(start, min(stop, len(batch[0])))]
        return [(turn, self.examples.weight(turn, 1)) for turn in turns]

    def turn(self, batch: list[list[int]], step: int) -> Any:
        """Return the batch of the utterances number `step` (from 0) of the sessions that have so many."""
        return self.examples.batch(np.array([session[step] for session in batch if len(session) > step]))

    def weight(self, batch: list[tuple[Any, float]], count: int) -> float:
        """Return the weight of all turns of a window."""
        return sum(weight for _, weight in batch) if count else 0.0

    def fingerprint(self) -> str:
        """Return a hash of the utterances and of the sessions."""
        return hashlib.sha256(f"{self.examples.fingerprint()} {self.sessions}".encode()).hexdigest()


def in_sessions(examples: Examples, groups: Sequence[Hashable] | None) -> Examples:
    """Return utterances by session, or as they are if `groups` is None.

    Raises:
        InputError: an utterance has no session.
    """
    if groups is None:
        return examples
    if len(groups) != len(examples):
        raise InputError(f"{len(groups)} sessions are named for {len(examples)} utterances: name one for each")
    return Sessions(examples, groups)


def check_alike(groups: Any, held_out: Any) -> None:
    """Check that the training part and the held-out part both have sessions, or neither has.

    Raises:
        InputError: only one of them has.
    """
    if (groups is None) != (held_out is None):
        raise InputError("of the training part and the held-out part only one has sessions: name those of both")


def loss_of_turns(network: Any, window: list[tuple[Any, float]], state: Any) -> tuple[torch.Tensor, Any]:
    """Return the mean of `network.session_loss(batch, state)` over the turns of a window, and the state after them."""
    losses = []
    for batch, weight in window:
        loss, state = network.session_loss(batch, state)
        losses.append(weight * loss)
    return sum(losses[1:], losses[0]) / sum(weight for _, weight in window), state


def of_turns(score: Score) -> Score:
    """Return the score of windows of turns, by the score of a turn."""

    def measure(network: Any, window: list[tuple[Any, float]], state: Any) -> tuple[torch.Tensor, Any, Any]:
        losses, counts = [], []
        for batch, weight in window:
            loss, count, state = score.measure(network, batch, state)
            losses.append(weight * loss)
            counts.append(count)
        return sum(losses[1:], losses[0]) / sum(weight for _, weight in window), sum(counts), state

    return replace(score, measure=measure)


def carried(directions: int, state: Any, rows: int) -> Any:
    """Return the states [B, R, W] in which the next utterances of the first `rows` sessions begin.

    They are those that the utterances before ended in, of the forward direction; the backward one begins at an
    utterance's end, so its state is zero.

    Args:
        directions: 1 or 2.
        state: that the utterances before ended in, or None.
        rows: sessions that continue.
    """
    if state is None:
        return None
    parts = (part[:rows].unflatten(1, (-1, directions)).unbind(2) for part in state)
    return tuple(torch.stack([one[0], *map(torch.zeros_like, one[1:])], 2).flatten(1, 2) for one in parts)


def each_utterance(estimator: Estimator, data: Examples, compute: Callable[[Any, Any], tuple[Any, Any]]) -> list[Any]:
    """Return what `compute` gives for each utterance.

    Args:
        estimator: whose network is used; see `Estimator.each_example`.
        data: utterances, or `Sessions` of them.
        compute: takes a batch and the state that the utterances before ended in; returns one result for each
            utterance, and the state that they end in.
    """
    if not isinstance(data, Sessions):
        return estimator.each_example(data, lambda batch: compute(batch, None)[0])
    results: dict[int, Any] = {}
    device = next(estimator.network_.parameters()).device

    def all_turns(sessions: list[list[int]]) -> list[list[int]]:
        state = None
        for step in range(len(sessions[0])):
            values, state = compute(to_device(data.turn(sessions, step), device), state)
            rows = [session[step] for session in sessions if len(session) > step]
            results.update(zip(rows, values, strict=True))
        return sessions

    estimator.each_example(data, all_turns)
    return [results[row] for row in range(len(results))]
