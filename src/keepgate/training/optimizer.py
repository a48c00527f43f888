"""The optimizer, and the clipping of its gradient."""

from __future__ import annotations

import torch
from torch import nn

from keepgate.training.settings import Settings

__all__ = ["clip", "make_optimizer"]


def make_optimizer(parameters: list[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """Return the optimizer that `settings` name; its rate is set before each update."""
    rate, decay = settings.learning_rate, settings.weight_decay
    match settings.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        case _:
            return torch.optim.SGD(parameters, rate, settings.momentum, weight_decay=decay)


def clip(parameters: list[nn.Parameter], largest: float | None) -> float:
    """Scale the gradients so that their global L2 norm is at most `largest` (Pascanu et al. 2013).

    Args:
        parameters: whose gradients are scaled.
        largest: norm; None: only compute it.

    Returns:
        The norm before. If it is not finite, the gradients are left alone.
    """
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if largest is not None and bool(torch.isfinite(norm)):
        nn.utils.clip_grads_with_norm_(parameters, largest, norm)
    return float(norm)
