"""The average of the weights over a training, which often does better than the last ones.

Polyak & Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging"; here with weights that fade
exponentially, as in Tarvainen & Valpola 2017, "Mean teachers are better role models", eq. 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["add", "averaged"]


def add(average: dict[str, torch.Tensor], model: nn.Module, decay: float, updates: int) -> None:
    """Move an average towards a model's weights, in place.

    At first it moves faster, so that it forgets the weights that training began with: by 1 - min(decay, (1 + n) /
    (10 + n)) at update n. What is no number with a fraction, such as a counter, is taken as it is.

    Args:
        average: by name; empty before the first update.
        model: whose weights it averages.
        decay: of what it holds.
        updates: so far, from 1.
    """
    share = 1 - min(decay, (1 + updates) / (10 + updates))
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name in average and value.is_floating_point():
                average[name].lerp_(value, share)
            else:
                average[name] = value.clone()


@contextlib.contextmanager
def averaged(model: nn.Module, average: dict[str, torch.Tensor]) -> Iterator[None]:
    """Inside, the model has the average for its weights, unless it is empty; afterwards its own again, to the bit."""
    if not average:
        yield
        return
    own = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average)
    try:
        yield
    finally:
        model.load_state_dict(own)
