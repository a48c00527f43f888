"""Generalised advantage estimation.

Schulman, Moritz, Levine, Jordan & Abbeel 2016, "High-Dimensional Continuous Control Using Generalized Advantage
Estimation", arXiv:1506.02438, eq. 16.
"""

from __future__ import annotations

import numpy as np

from keepgate.training.policy.rollout import Rollout

__all__ = ["advantages"]


def advantages(rollout: Rollout, discount: float, trace: float) -> np.ndarray:
    """Return how much better each action did than its state's value, [T, N]; 0 where there was no action.

    Args:
        rollout: the window, whose `following` tells truncation from termination.
        discount: of a reward a step later, gamma.
        trace: how far errors of later steps count, lambda.
    """
    errors = rollout.reward + discount * rollout.following - rollout.value
    goes_on = discount * trace * ~rollout.over
    found, later = np.zeros_like(errors), np.zeros(errors.shape[1])
    for t in reversed(range(len(errors))):
        later = (errors[t] + goes_on[t] * later) * rollout.valid[t]
        found[t] = later
    return found
