"""Memory of a call of the core: new tensors, large ones in memory that comes back, and where tensors lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from keepgate.native.engine import _core
from keepgate.scan.checks import dense
from keepgate.scan.torch_private import is_zerotensor

__all__ = ["addresses", "empties", "empty", "located", "strides", "tensor_maker", "tensor_reader"]

SMALL = 1 << 14  # numbers
EXCHANGE = getattr(Tensor, "__dlpack_c_exchange_api__", None)  # torch 2.9 has none


def empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a tensor of the dtype of another that is not set to anything."""
    return like.new_empty(shape) if math.prod(shape) < SMALL else empties(like, (shape,))[0]


def empties(like: Tensor, shapes: Iterable[Sequence[int]]) -> list[Tensor]:
    """Return tensors of the dtype of another that are not set to anything.

    Large ones of float32 and float64 lie in memory that the core keeps for reuse once nothing holds them.
    """
    wide = like.dtype is torch.float64
    reused = wide or like.dtype is torch.float32
    made = []
    for shape in shapes:
        if reused and math.prod(shape) >= SMALL:
            made.append(torch.from_numpy(_core.empty(shape, wide)))
        else:
            made.append(like.new_empty(shape))
    return made


def located(tensors: Iterable[Tensor | None]) -> tuple[list[Any], list[int]]:
    """Return tensors dense, as `keepgate.scan.checks.dense` makes them, and where each lies; 0 where there is none."""
    lying, at = [], []
    for tensor in tensors:
        address = 0
        if tensor is not None:
            address = tensor.data_ptr()
            # What `dense` returns as it is, seen in a third of its time.
            if not (
                tensor.is_contiguous()
                and not tensor.is_neg()
                and not is_zerotensor(tensor)
                and tensor.untyped_storage().nbytes() >= tensor.nbytes + tensor.storage_offset() * tensor.itemsize
            ):
                tensor = dense(tensor)
                address = tensor.data_ptr()
        lying.append(tensor)
        at.append(address)
    return lying, at


def addresses(tensors: Iterable[Tensor | None]) -> list[int]:
    """Return where each of some dense tensors lies; 0 where there is none."""
    at = []
    for tensor in tensors:  # a comprehension would be a call more
        at.append(0 if tensor is None else tensor.data_ptr())
    return at


def strides(tensors: Iterable[Tensor | None]) -> list[int]:
    """Return how many bytes further on each tensor has what belongs to the next network of a population."""
    return [0 if tensor is None else tensor.stride(0) * tensor.element_size() for tensor in tensors]


@cache
def tensor_reader() -> Any:
    """Return what reads tensors in the core, which knows nothing of torch: all of a tensor at once, where torch can."""
    return _core.TensorReader(EXCHANGE, torch.float32, torch.float64, torch.strided)


@cache
def tensor_maker() -> Any:
    """Return what makes tensors in the core."""
    return _core.TensorMaker(EXCHANGE, made)


def made(shape: Sequence[int], wide: bool, lead: int) -> tuple[Tensor, int]:
    """Return a tensor of float64 or float32 that is not set to anything, and where its memory begins.

    That is `lead` places of its first axis before its numbers.
    """
    like = torch.empty(0, dtype=torch.float64 if wide else torch.float32, device="cpu")
    whole = empty(like, (shape[0] + lead, *shape[1:]))
    return whole[lead:], whole.data_ptr()
