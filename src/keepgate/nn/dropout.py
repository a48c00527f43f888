"""Dropout of values, and DropConnect of recurrent weights, by random bits that are drawn by counter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate.equations import Equations, noise
from keepgate.native import engine as core
from keepgate.scan.torch_private import captured, transforming

__all__ = ["drop_weights", "dropout", "recurrent_weights"]


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return x [..., W], in training with each value 0 with probability `rate`, else over 1 - rate.

    On the CPU the core draws the bits, forty times as fast as torch, which takes one number after the other from a
    sequence. Where a graph is made of what runs, or torch.func transforms it, it is torch's dropout.
    """
    if captured() or transforming() or not (_by_core(x) and training and 0 < rate < 1 and x.ndim and x.numel()):
        return F.dropout(x, rate, training)
    key = noise.stream_key(int(torch.randint(2**31, ())), 0)
    order = sorted(range(x.ndim - 1), key=lambda axis: -x.stride(axis))  # the mask lies in memory as x does
    sizes = [x.shape[axis] for axis in order]
    bits = torch.from_numpy(core.bernoulli(key, x[..., 0].numel(), x.shape[-1], 1 - rate))
    mask = bits.mul_(1 / (1 - rate)).to(x.dtype).view(*sizes, x.shape[-1])
    return x * mask.permute(*(order.index(axis) for axis in range(x.ndim - 1)), x.ndim - 1)


def recurrent_weights(equations: Equations) -> list[str]:
    """Return the names of the weights that multiply a state, such as `weight_hh`."""
    first = {block: products[0] for block, products in equations.products.items()}
    return [f"weight_{b}" for b, p in first.items() if p.letter in equations.states and p.width == "hidden"]


def drop_weights(parameters: Mapping[str, Tensor], names: list[str], rate: float, seed: Any) -> dict[str, Tensor]:
    """Return parameters in which each number of the named ones is 0 with probability `rate`, else over 1 - rate.

    The mask lies on the matrices that multiply the last state, one for each forward pass, so that the recurrence itself
    stays as fast as without (Merity, Keskar & Socher 2018, section 2). It is the same on every device. Gradients flow
    to the numbers that are kept.
    """
    dropped = dict(parameters)
    for stream, name in enumerate(names):
        key = noise.stream_key(seed, -1 - stream)  # a cell's own streams count up from 0
        dropped[name] = parameters[name] * (_bits(parameters[name], key, 1 - rate) / (1 - rate))
    return dropped


def _bits(like: Tensor, key: Any, rate: float) -> Tensor:
    """Return bits of a shape that are 1 with probability `rate`: by the kernel, on other devices by torch."""
    rows, columns = len(like), math.prod(like.shape[1:])
    if _by_core(like) and not torch.compiler.is_compiling():
        return torch.from_numpy(core.bernoulli(key, rows, columns, rate)).to(like.dtype).view(like.shape)
    units = torch.arange(columns, device=like.device)
    random = noise.bits(key, 0, torch.arange(rows, device=like.device)[:, None], units)
    return (random < int(rate * 2.0**32)).to(like.dtype).view(like.shape)


def _by_core(like: Tensor) -> bool:
    return like.device.type == "cpu" and not core.missing()
