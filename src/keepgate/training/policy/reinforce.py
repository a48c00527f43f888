"""REINFORCE with a baseline, through the states of a recurrent network.

Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning"; Wierstra,
Foerster, Peters & Schmidhuber 2007, "Solving Deep Memory POMDPs with Recurrent Policy Gradients".
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["loss"]


def loss(log_prob: Tensor, before: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Return the loss of actions [M]: minus the mean of their log-probabilities, each times its advantage.

    Args:
        log_prob: logarithms of their probabilities.
        before: is not used, for there is one pass over a window.
        advantage: of each.
        clip: is not used.
    """
    return -(log_prob * advantage).mean()
