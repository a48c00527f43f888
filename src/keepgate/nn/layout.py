"""Where time, batch and layers lie in what a layer takes and gives; inside it is always time, batch, features.

Rows of states, R, are layers times directions: `l0, l0_reverse, l1, …`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Layout", "stacked", "states_named"]


class Layout(NamedTuple):
    """How one call lies.

    Attributes:
        batched: whether there is a batch; else it is one row without that axis.
        batch_first: whether sequences are [B, T, ...] instead of [T, B, ...].
        state_batch_first: whether states are [B, R, W] instead of [R, B, W].
    """

    batched: bool
    batch_first: bool
    state_batch_first: bool

    def time_major(self, value: Tensor) -> Tensor:
        """Return what came as a sequence as [T, B, ...]."""
        return self._inward(value, self.batch_first)

    def sequence(self, value: Tensor) -> Tensor:
        """Return [T, B, ...] as a sequence goes out."""
        return self._outward(value, self.batch_first)

    def state_shape(self, rows: int, batch: int, width: int) -> tuple[int, ...]:
        """Return the shape in which a state comes and goes."""
        if not self.batched:
            return rows, width
        return (batch, rows, width) if self.state_batch_first else (rows, batch, width)

    def by_rows(self, value: Tensor) -> Tensor:
        """Return a state that came as [R, B, W]."""
        return self._inward(value, self.state_batch_first)

    def states(self, values: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Return each [R, B, W] as a state goes out."""
        if self.batched and not self.state_batch_first:
            return tuple(values)
        return tuple(self._outward(value, self.state_batch_first) for value in values)

    def _inward(self, value: Tensor, batch_first: bool) -> Tensor:
        """Return a tensor with the batch, of one row where there is none, as its second dimension."""
        if not self.batched:
            return value.unsqueeze(1)
        return value.transpose(0, 1) if batch_first else value

    def _outward(self, value: Tensor, batch_first: bool) -> Tensor:
        """Undo `_inward`."""
        if not self.batched:
            return value.squeeze(1)
        return value.transpose(0, 1) if batch_first else value

    def trace(self, value: Tensor) -> Tensor:
        """Return [R, T, B, W] as a trace goes out: as a state, with time before or after the batch as in sequences."""
        if not self.batched:
            return value.squeeze(2)
        if self.state_batch_first:
            return value.permute(2, 0, 1, 3)
        return value.transpose(1, 2) if self.batch_first else value


def stacked(tables: Mapping[str, list[Tensor]]) -> dict[str, Tensor]:
    """Return the states of all rows R by name, each as one tensor [R, ...]."""
    return {name: torch.stack(rows) if len(rows) > 1 else rows[0].unsqueeze(0) for name, rows in tables.items()}


@cache
def states_named(names: tuple[str, ...]) -> Any:
    """Return the named tuple of states with these names."""
    return namedtuple("States", names)
