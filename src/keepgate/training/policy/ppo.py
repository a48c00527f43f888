"""Proximal policy optimisation.

Schulman, Wolski, Dhariwal, Radford & Klimov 2017, "Proximal Policy Optimization Algorithms", arXiv:1707.06347.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["loss"]


def loss(log_prob: Tensor, before: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Return the clipped loss of actions [M], eq. 7.

    Args:
        log_prob: logarithms of their probabilities by the policy that is changed.
        before: by the policy that drew them.
        advantage: of each.
        clip: how far the ratio of the two may move, from 1, and still be rewarded.
    """
    ratio = (log_prob - before).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
