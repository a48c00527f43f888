"""Memory of a call of the core: large tensors in memory that the core keeps for reuse, and where tensors lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from keepgate.native.engine import _core

__all__ = ["Buffers", "addresses", "room", "strides"]

SMALL = 1 << 16  # bytes

Buffers = Tensor | None | list[Any]  # a buffer or None, or a list of such


def room(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor that is not set to anything; a large one lies in memory that the core keeps for reuse."""
    count = math.prod(shape) * like.element_size()
    if count < SMALL:
        return like.new_empty(shape)
    return torch.from_numpy(_core.room(count)).view(like.dtype).view(shape)


def addresses(buffers: Buffers) -> Any:
    """Return the addresses of buffers, 0 where there is none."""
    return _each(_address, buffers)


def strides(buffers: Buffers) -> Any:
    """Return how many bytes further on the buffers of the next network of a population lie."""
    return _each(_stride, buffers)


def _each(of: Callable[[Tensor | None], int], buffers: Buffers) -> Any:
    return [of(value) for value in buffers] if isinstance(buffers, list) else of(buffers)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _stride(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.stride(0) * tensor.element_size()
