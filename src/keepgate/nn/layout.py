"""Where time, batch and layers lie in what a layer takes and gives; inside it is always time, batch, features.

Rows of states, R, are layers times directions: `l0, l0_reverse, l1, …`. Where values lie in space, the features are the
channels, which come before the space outside, and last inside.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
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
        axes: of the space.
    """

    batched: bool
    batch_first: bool
    state_batch_first: bool
    axes: int = 0

    def time_major(self, value: Tensor) -> Tensor:
        """Return what came as a sequence as [T, B, *space, W]."""
        return self._inward(value.movedim(-1 - self.axes, -1) if self.axes else value, self.batch_first)

    def mask(self, value: Tensor) -> Tensor:
        """Return what came as a sequence without features as [T, B]."""
        return self._inward(value, self.batch_first)

    def sequence(self, value: Tensor) -> Tensor:
        """Return [T, B, *space, W] as a sequence goes out."""
        return self._outward(value.movedim(-1, -1 - self.axes) if self.axes else value, self.batch_first)

    def like(self, sequence: Tensor, width: int) -> tuple[int, ...]:
        """Return the shape of a sequence that came, but for its features, which are `width`."""
        shape = [*sequence.shape]
        shape[-1 - self.axes] = width
        return tuple(shape)

    def state_shape(self, rows: int, batch: int, width: int, space: Sequence[int] = ()) -> tuple[int, ...]:
        """Return the shape in which a state comes and goes."""
        if not self.batched:
            return rows, width, *space
        return (batch, rows, width, *space) if self.state_batch_first else (rows, batch, width, *space)

    def by_rows(self, value: Tensor) -> Tensor:
        """Return a state that came as [R, B, *space, W]."""
        value = value.movedim(-1 - self.axes, -1) if self.axes else value
        return self._inward(value, self.state_batch_first)

    def states(self, values: Iterable[Tensor]) -> tuple[Tensor, ...]:
        """Return each [R, B, *space, W] as a state goes out."""
        if self.batched and not self.state_batch_first and not self.axes:
            return tuple(values)
        values = (value.movedim(-1, -1 - self.axes) for value in values) if self.axes else values
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
        """Return [R, T, B, *space, W] as a trace goes out: as a state, with time and batch as in sequences."""
        value = value.movedim(-1, -1 - self.axes) if self.axes else value
        if not self.batched:
            return value.squeeze(2)
        if self.state_batch_first:
            return value.movedim(2, 0)
        return value.transpose(1, 2) if self.batch_first else value


def stacked(tables: Mapping[str, list[Tensor]]) -> dict[str, Tensor]:
    """Return the states of all rows R by name, each as one tensor [R, ...]."""
    return {name: torch.stack(rows) if len(rows) > 1 else rows[0].unsqueeze(0) for name, rows in tables.items()}


@cache
def states_named(names: tuple[str, ...]) -> Any:
    """Return the named tuple of states with these names."""
    return namedtuple("States", names)
