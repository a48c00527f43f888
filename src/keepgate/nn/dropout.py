"""DropConnect of recurrent weights: one mask for each forward pass, drawn by counter and the same on every device.

Merity, Keskar & Socher 2018, "Regularizing and Optimizing LSTM Language Models", section 2: the mask lies on the
matrices that multiply the last state, so that the recurrence itself stays as fast as without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations, noise
from keepgate.native import engine as core

__all__ = ["drop_weights", "recurrent_weights"]


def recurrent_weights(equations: Equations) -> list[str]:
    """Return the names of the weights that multiply a state, such as `weight_hh`."""
    first = {block: products[0] for block, products in equations.products.items()}
    return [f"weight_{b}" for b, p in first.items() if p.letter in equations.states and p.width == "hidden"]


def drop_weights(parameters: Mapping[str, Tensor], names: list[str], rate: float, seed: Any) -> dict[str, Tensor]:
    """Return parameters in which each number of the named ones is 0 with probability `rate`, else over 1 - rate.

    Gradients flow to the numbers that are kept.
    """
    dropped = dict(parameters)
    for stream, name in enumerate(names):
        key = noise.stream_key(seed, -1 - stream)  # a cell's own streams count up from 0
        dropped[name] = parameters[name] * (_bits(parameters[name], key, 1 - rate) / (1 - rate))
    return dropped


def _bits(like: Tensor, key: Any, rate: float) -> Tensor:
    """Return bits [rows, columns] that are 1 with probability `rate`: by the kernel, on other devices by torch."""
    rows, columns = like.shape
    if like.device.type == "cpu" and not core.missing() and not torch.compiler.is_compiling():
        return torch.from_numpy(core.bernoulli(key, rows, columns, rate)).to(like.dtype)
    units = torch.arange(columns, device=like.device)
    random = noise.bits(key, 0, torch.arange(rows, device=like.device)[:, None], units)
    return (random < int(rate * 2.0**32)).to(like.dtype)
