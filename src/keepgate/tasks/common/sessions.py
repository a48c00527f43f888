"""Utterances of one session in their order, each beginning in the state that the one before it ended in.

A session is an example whose steps are utterances: truncated back-propagation through time carries the state through
all of it, and the gradient back over the utterances of a window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from keepgate.errors import InputError
from keepgate.training import Examples
from keepgate.training.tree import to_device

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator


TURNS = 4  # utterances in a window


class Sessions(Examples):
    """The utterances of `examples` by the session that each belongs to, `groups` [N].

    In a batch the longest session comes first: those that go on are always its first rows.
    """

    def __init__(self, examples: Examples, groups: Sequence[Hashable]) -> None:
        rows: dict[Hashable, list[int]] = {}
        for row, group in enumerate(groups):
            rows.setdefault(group, []).append(row)
        self.examples, self.sessions = examples, list(rows.values())

    def __len__(self) -> int:
        return len(self.sessions)

    def length(self, index: int) -> int:
        """Utterances of session `index`."""
        return len(self.sessions[index])

    def batch(self, indices: Sequence[int]) -> list[list[int]]:
        """The numbers of the utterances of the sessions `indices`, the longest first."""
        return sorted((self.sessions[i] for i in indices), key=len, reverse=True)

    def window(self, batch: list[list[int]], start: int, stop: int) -> list[tuple[Any, float]]:
        """For each step from start to stop the batch of the sessions that have so many utterances, and its weight."""
        turns = [self.turn(batch, step) for step in range(start, min(stop, len(batch[0])))]
        return [(turn, self.examples.weight(turn, 1)) for turn in turns]

    def turn(self, batch: list[list[int]], step: int) -> Any:
        """The batch of the utterances that come after `step` ones; sessions that have ended are the last rows."""
        return self.examples.batch(np.array([session[step] for session in batch if len(session) > step]))

    def weight(self, batch: list[tuple[Any, float]], count: int) -> float:
        """That of all turns."""
        return sum(weight for _, weight in batch) if count else 0.0

    def fingerprint(self) -> str:
        """Of the utterances and of the sessions."""
        return hashlib.sha256(f"{self.examples.fingerprint()} {self.sessions}".encode()).hexdigest()


def in_sessions(examples: Examples, groups: Sequence[Hashable] | None) -> Examples:
    """The utterances by session, or as they are where there are none; InputError unless each has a session."""
    if groups is None:
        return examples
    if len(groups) != len(examples):
        raise InputError(f"{len(groups)} sessions are named for {len(examples)} utterances: name one for each")
    return Sessions(examples, groups)


def check_alike(groups: Any, held_out: Any) -> None:
    """Raise InputError if of the training part and the held-out part only one has sessions."""
    if (groups is None) != (held_out is None):
        raise InputError("of the training part and the held-out part only one has sessions: name those of both")


def loss_of_turns(network: Any, window: list[tuple[Any, float]], state: Any) -> tuple[torch.Tensor, Any]:
    """The mean of `network.session_loss(batch, state)` over the turns of a window, and the state after them."""
    losses = []
    for batch, weight in window:
        loss, state = network.session_loss(batch, state)
        losses.append(weight * loss)
    return sum(losses[1:], losses[0]) / sum(weight for _, weight in window), state


def carried(directions: int, state: Any, rows: int) -> Any:
    """The states [B, R, W] in which the utterances that follow in the first `rows` sessions begin, from those that the
    ones before ended in.

    They are the forward direction's; the other one begins at an utterance's end, so it begins anew.
    """
    if state is None:
        return None
    parts = (part[:rows].unflatten(1, (-1, directions)).unbind(2) for part in state)
    return tuple(torch.stack([one[0], *map(torch.zeros_like, one[1:])], 2).flatten(1, 2) for one in parts)


def each_utterance(estimator: Estimator, data: Examples, compute: Callable[[Any, Any], tuple[Any, Any]]) -> list[Any]:
    """What `compute(batch, state)` gives for each utterance, beside the state for the next ones; see `each_example`."""
    if not isinstance(data, Sessions):
        return estimator.each_example(data, lambda batch: compute(batch, None)[0])
    found: dict[int, Any] = {}
    device = next(estimator.network_.parameters()).device

    def all_turns(sessions: list[list[int]]) -> list[list[int]]:
        state = None
        for step in range(len(sessions[0])):
            values, state = compute(to_device(data.turn(sessions, step), device), state)
            rows = [session[step] for session in sessions if len(session) > step]
            found.update(zip(rows, values, strict=True))
        return sessions

    estimator.each_example(data, all_turns)
    return [found[row] for row in range(len(found))]
