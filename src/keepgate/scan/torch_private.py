"""All that keepgate uses of torch without torch documenting it, so that a new version is checked in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor, unwrap_if_dead
from torch.autograd import forward_ad

__all__ = [
    "allow_forward_mode",
    "apply",
    "below_autograd",
    "captured",
    "in_forward_mode",
    "is_legacy_batchedtensor",
    "is_zerotensor",
    "refuse_gradients",
    "tracing",
    "transforming",
    "unwrap_dead_wrappers",
]


def tracing() -> bool:
    """Return whether `torch.jit.trace` is at work."""
    return torch._C._get_tracing_state() is not None


def captured() -> bool:
    """Return whether a graph is made of what runs: by `torch.compile`, `torch.export` or `torch.jit.trace`."""
    return torch.compiler.is_compiling() or tracing()


def in_forward_mode() -> bool:
    """Return whether a level of forward-mode differentiation is open."""
    return forward_ad._current_level >= 0


def allow_forward_mode() -> AbstractContextManager[Any]:
    """Return a context in which forward mode works where torch turns it off: in rules of a function of autograd."""
    return forward_ad._set_fwd_grad_enabled(True)


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Apply a function of autograd.

    Where nothing looks on, its signature is not bound: that takes longer than a small scan.
    """
    if transforming() or torch.compiler.is_compiling():
        return function.apply(*arguments)
    arguments = unwrap_dead_wrappers(arguments)
    return super(torch.autograd.Function, function).apply(*arguments)  # type: ignore[misc]


def unwrap_dead_wrappers(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return values, those that are tensors of a transform that has ended as what they wrap."""
    found = []
    for value in values:
        found.append(unwrap_if_dead(value) if isinstance(value, Tensor) else value)
    return tuple(found)


transforming = torch._C._are_functorch_transforms_active  # whether a transform of torch.func is at work
is_zerotensor = Tensor._is_zerotensor  # whether a tensor is all zeros and has no memory


def below_autograd() -> AbstractContextManager[Any]:
    """Return a context in which operators are called below their implementation for autograd."""
    return torch._C._AutoDispatchBelowAutograd()


def refuse_gradients(message: str, results: Sequence[Tensor]) -> list[Tensor]:
    """Return results whose differentiation raises RuntimeError with a message."""
    refused = [result.requires_grad_() for result in results]
    return list(torch._C._functions.DelayedError(message, len(refused))(*refused))  # type: ignore[attr-defined]
