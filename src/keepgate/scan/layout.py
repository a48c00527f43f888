"""Tensors as the core takes them: rows in its order, room that it keeps for reuse, and where everything lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from keepgate.native import engine as core
from keepgate.scan.checks import dense

__all__ = ["Buffers", "Order", "places", "room"]

SMALL = 1 << 16  # bytes

Buffers = Tensor | None | list[Any]  # a buffer or None, or a list of such


class Order:
    """The order of falling lengths that the core needs; none where rows are in it already."""

    def __init__(self, lengths: Tensor | None) -> None:
        self.order = self.back = None
        if lengths is not None and bool((lengths[..., 1:] > lengths[..., :-1]).any()):
            self.order = torch.argsort(lengths, descending=True, stable=True)
            self.back = torch.argsort(self.order)

    @property
    def differs(self) -> bool:
        """Whether the networks of a population have orders of their own."""
        return self.order is not None and self.order.dim() == 2

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the core's order, dense."""
        value = dense(value)
        return value if self.order is None else _picked(value, dim, self.order)

    def unsort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the caller's order."""
        return value if self.back is None else _picked(value, dim, self.back)


def room(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor that is not set to anything; a large one lies in memory that the core keeps for reuse."""
    count = math.prod(shape) * like.element_size()
    if count < SMALL:
        return like.new_empty(shape)
    return torch.from_numpy(core.room(count)).view(like.dtype).view(shape)


def places(buffers: tuple[Buffers, ...], population: bool) -> tuple[Any, Any]:
    """Return the addresses of buffers, and how many bytes further on those of the next network lie."""
    at = tuple(_each(_address, value) for value in buffers)
    return at, tuple(_each(_stride, value) for value in buffers) if population else at


def _picked(value: Tensor, dim: int, rows: Tensor) -> Tensor:
    """Return rows in an order, or those of each network in its own."""
    to = room(value, value.shape)
    if rows.dim() == 1:
        # Not by torch: its idle threads would spin for a while on the processors that the core's threads need next.
        value = dense(value)
        core.take_rows(value.data_ptr(), to.data_ptr(), rows.data_ptr(), *_blocks(value, dim))
        return to
    shape = [1] * value.dim()
    shape[0], shape[dim] = rows.shape
    return torch.gather(value, dim, rows.view(shape).expand(value.shape), out=to)


def _blocks(value: Tensor, dim: int) -> tuple[int, int, int, int]:
    """Return the number of blocks before a dimension, its size, the bytes of what follows, and threads to copy with."""
    dim %= value.dim()
    bytes_each = math.prod(value.shape[dim + 1 :]) * value.element_size()
    return math.prod(value.shape[:dim]), value.shape[dim], bytes_each, core.threads(torch.get_num_threads())


def _each(of: Callable[[Tensor | None], int], buffers: Buffers) -> Any:
    return [of(value) for value in buffers] if isinstance(buffers, list) else of(buffers)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _stride(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.stride(0) * tensor.element_size()
