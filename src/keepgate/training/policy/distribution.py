"""The distribution of actions that outputs of a network stand for, in torch: logarithms of probabilities, entropies."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate.actions import LEAST_LOG, MOST_LOG, Actions, Part

__all__ = ["entropy", "log_prob"]

HALF_LOG = 0.5 * math.log(2 * math.pi)


def log_prob(actions: Actions, outputs: Tensor, numbers: Tensor) -> Tensor:
    """Return the logarithm of the density of actions [..., A] by outputs [..., O], [...].

    Of bounded numbers it is that of what was drawn, before it was squashed: ratios of two policies are the same.
    """
    parts = [_log_prob(part, outputs[..., o], numbers[..., a]) for part, a, o in actions.places]
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


def _log_prob(part: Part, outputs: Tensor, numbers: Tensor) -> Tensor:
    if part.kind == "one":
        return outputs.log_softmax(-1).gather(-1, numbers.long())[..., 0]
    if part.kind == "bits":
        return -F.softplus(torch.where(numbers > 0, -outputs, outputs)).sum(-1)
    mean, log = _moments(part, outputs)
    return (-0.5 * ((numbers - mean) * torch.exp(-log)).square() - log - HALF_LOG).sum(-1)


def entropy(actions: Actions, outputs: Tensor) -> Tensor:
    """Return the entropies of the policies that outputs [..., O] stand for, [...]; of numbers before squashing."""
    parts = [_entropy(part, outputs[..., o]) for part, _, o in actions.places]
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


def _entropy(part: Part, outputs: Tensor) -> Tensor:
    if part.kind == "one":
        logs = outputs.log_softmax(-1)
        return -(logs.exp() * logs).sum(-1)
    if part.kind == "bits":
        return (F.softplus(outputs) - outputs * outputs.sigmoid()).sum(-1)
    return (_moments(part, outputs)[1] + 0.5 + HALF_LOG).sum(-1)


def _moments(part: Part, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return means, and logarithms of deviations within their bounds."""
    return outputs[..., : part.size], outputs[..., part.size :].clamp(LEAST_LOG, MOST_LOG)
