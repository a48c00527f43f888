"""Recurrent layers that read the same inputs step by step: those of the policy, and those of its critic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["States", "Streams", "joined", "of_rows", "several", "taken"]

States = list[tuple[Tensor, ...]]  # of each layers: its states, [layers, N, W]


def several(state: Any) -> tuple[Tensor, ...]:
    """Return the states of layers as a tuple, also where the cell has but one."""
    return state if isinstance(state, tuple) else (state,)


def taken(state: Any) -> Any:
    """Return the states of layers as these take them: a tuple, or the one there is."""
    return state[0] if len(state) == 1 else state


class Streams:
    """Streams of several layers.

    Args:
        layers: modules of `keepgate.nn`.
        count: N, rows.
    """

    def __init__(self, layers: Sequence[Any], count: int) -> None:
        self.each = [layer.stream(count) for layer in layers]

    def step(self, x: Tensor, outputs: Sequence[Tensor]) -> None:
        """Take a step of all, with inputs [N, I], and write their outputs [N, W]."""
        for stream, output in zip(self.each, outputs, strict=True):
            stream.step(x, output)

    def reset(self, rows: np.ndarray) -> None:
        """Return to the initial states, in the rows of a mask [N]."""
        for stream in self.each:
            stream.reset(rows)

    @property
    def states(self) -> States:
        """Copies of the states; assign to go on from there."""
        return [several(stream.state) for stream in self.each]

    @states.setter
    def states(self, states: States) -> None:
        for stream, state in zip(self.each, states, strict=True):
            stream.state = taken(state)


def of_rows(states: States, rows: Tensor) -> States:
    """Return the states of some rows."""
    return [tuple(one[:, rows] for one in state) for state in states]


def joined(parts: Sequence[States]) -> States:
    """Return states of several groups of rows, one group after the other."""
    return [
        tuple(torch.cat(ones, 1).contiguous() for ones in zip(*states, strict=True))
        for states in zip(*parts, strict=True)
    ]
