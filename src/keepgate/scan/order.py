"""Rows in the order of falling lengths: so the core steps the first rows alone, fewer and fewer of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from keepgate.native.engine import _core, threads
from keepgate.scan.checks import dense
from keepgate.scan.memory import empty
from keepgate.scan.torch_private import apply, is_legacy_batchedtensor

__all__ = ["UNSORTED", "Order"]


class Order:
    """The order of falling lengths; none where rows are in it already.

    Attributes:
        rows: the caller's number of each row, or None.
        lengths: [B], of int32, in this order; None for those of a population.

    Args:
        lengths: [B] of int64 on the CPU, or [N, B] of the networks of a population; None: all are the same.
    """

    def __init__(self, lengths: Tensor | None) -> None:
        self.rows: Tensor | None = None
        self.lengths: Tensor | None = None
        self._back: Any = None  # the inverse, where there is an order
        if lengths is None:
            return
        if lengths.dim() == 1:
            lengths = dense(lengths)
            rows, back = torch.empty_like(lengths), torch.empty_like(lengths)
            self.lengths = falling = torch.empty_like(lengths, dtype=torch.int32)
            at = lengths.data_ptr(), rows.data_ptr(), back.data_ptr(), falling.data_ptr()
            if _core.fall(*at, len(lengths)):
                self.rows, self._back = rows, back
        elif bool((lengths[..., 1:] > lengths[..., :-1]).any()):
            self.rows = torch.argsort(lengths, descending=True, stable=True)
            self._back = torch.argsort(self.rows)

    @property
    def differs(self) -> bool:
        """Whether the networks of a population have orders of their own."""
        return self.rows is not None and self.rows.dim() == 2

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return a tensor with its rows, which are its dimension `dim`, in this order."""
        return value if self.rows is None else _picked([value], dim, self.rows, self._back)[0]

    def unsort(self, value: Tensor, dim: int) -> Tensor:
        """Return a tensor with its rows in the caller's order again."""
        return value if self.rows is None else _picked([value], dim, self._back, self.rows)[0]

    def unsort_all(self, values: Sequence[Tensor], dim: int) -> Sequence[Tensor]:
        """Return several in a fraction of their time where they have gradients."""
        return values if self.rows is None else _picked(values, dim, self._back, self.rows)


UNSORTED = Order(None)


class _Pick(torch.autograd.Function):
    """Rows in an order; the gradients' are put back."""

    @staticmethod
    def forward(ctx: Any, dim: int, rows: Tensor, back: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        ctx.dim, ctx.rows, ctx.back = dim, rows, back
        ctx.set_materialize_grads(False)
        return tuple([_taken(value, dim, rows) for value in values])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        found: list[Tensor | None] = [None, None, None]
        for c in cotangents:
            if c is not None and is_legacy_batchedtensor(c):  # of `is_grads_batched`
                found.append(c.index_select(ctx.dim, ctx.back))
            else:
                found.append(None if c is None else _picked([c], ctx.dim, ctx.back, ctx.rows)[0])
        return tuple(found)


def _picked(values: Sequence[Tensor], dim: int, rows: Tensor, back: Any) -> Sequence[Tensor]:
    """Return rows in an order, or those of each network in its own; `back` is the order's inverse."""
    if torch.is_grad_enabled():
        for value in values:
            if value.requires_grad:
                return apply(_Pick, dim, rows, back, *values)
    return [_taken(value, dim, rows) for value in values]


def _taken(value: Tensor, dim: int, rows: Tensor) -> Tensor:
    to = empty(value, value.shape)
    if rows.dim() == 1:
        # Not by torch: its idle threads would spin for a while on the processors that the core's threads need next.
        value = dense(value)
        _core.take_rows(value.data_ptr(), to.data_ptr(), rows.data_ptr(), *_blocks(value, dim))
        return to
    shape = [1] * value.dim()
    shape[0], shape[dim] = rows.shape
    return torch.gather(value, dim, rows.view(shape).expand(value.shape), out=to)


def _blocks(value: Tensor, dim: int) -> tuple[int, int, int, int]:
    """Return the number of blocks before a dimension, its size, the bytes of what follows, and threads to copy with."""
    dim %= value.dim()
    bytes_each = math.prod(value.shape[dim + 1 :]) * value.element_size()
    return math.prod(value.shape[:dim]), value.shape[dim], bytes_each, threads(torch.get_num_threads())
