"""Layers under `torch.autocast`: they give what torch's layers give, in its dtype; sums and states are the weights'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = ["autocast_dtype", "cast", "storage_under", "without_autocast"]


def autocast_dtype(device: torch.device) -> torch.dtype | None:
    """Return the dtype that autocast asks for on a device, or None where it is off."""
    if not torch.amp.is_autocast_available(device.type) or not torch.is_autocast_enabled(device.type):
        return None
    return torch.get_autocast_dtype(device.type)


def storage_under(dtype: torch.dtype, weight: Tensor) -> str:
    """Return how a layer multiplies under autocast's dtype, as `storage` of `keepgate.scan.Arguments`."""
    return "pairs" if dtype is torch.bfloat16 and weight.dtype is torch.float32 and weight.is_cpu else "full"


def without_autocast(run: Callable[..., Any], weight: Tensor, *arguments: Any, **options: Any) -> Any:
    """Call a layer with autocast off and all numbers in the dtype of its weights; return what it gives."""
    with torch.autocast(weight.device.type, enabled=False):
        return run(*cast(arguments, weight.dtype), **cast(options, weight.dtype))


def cast(value: Any, dtype: torch.dtype) -> Any:
    """Return a value with all tensors of floating point in it in another dtype.

    Args:
        value: a tensor, a PackedSequence, or a tuple, list or mapping of such; all else stays.
        dtype: to cast to; float64 stays float64, as under torch's autocast.
    """
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.dtype != torch.float64 else value
    if isinstance(value, PackedSequence):
        return value._replace(data=cast(value.data, dtype))
    if isinstance(value, Mapping):
        return {name: cast(item, dtype) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(cast(item, dtype) for item in value))
    return type(value)(cast(item, dtype) for item in value) if type(value) in (tuple, list) else value
