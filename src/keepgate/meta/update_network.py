"""The network of an optimiser: recurrent layers that read the gradients of one coordinate and write its updates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import FLOAT, Input, Network, Step, Value
from keepgate.nn.network import NetworkModule

DECADES = 10.0  # p of the paper's appendix A: gradients below exp(-p) are read as they are
READ = 2  # numbers that a gradient becomes
FACTOR = 0.1  # of what the network says, so that an untrained one takes small steps


def update_rule(recurrent: blocks.Recurrent) -> Network:
    """Return the network from gradients as `logarithmic` gives them, [T, N, 2], to updates [T, N, 1]."""
    states = recurrent.initial()
    steps = (
        Step("recurrent", recurrent, ("gradients", "", *(state.name for state in states))),
        Step("output", blocks.Linear(recurrent.output_size, 1), ("recurrent",)),
        Step("update", blocks.Scale(FACTOR), ("output",)),
    )
    given = Input("gradients", Value(FLOAT, ("time", "batch", READ)))
    return Network((given, *states), steps, ("update", *(f"recurrent.{state}" for state in recurrent.widths)))


def logarithmic(gradient: Tensor) -> Tensor:
    """Return gradients [...] as two numbers each, [..., 2]: the logarithm's size and the sign.

    They are (log|g| / p, sign g) where |g| >= exp(-p), and (-1, exp(p) g) elsewhere, p = 10 (Andrychowicz et al. 2016,
    appendix A).
    """
    least = math.exp(-DECADES)
    size = gradient.abs()
    large = size >= least
    first = torch.where(large, size.clamp_min(least).log() / DECADES, -1.0)
    return torch.stack([first, torch.where(large, gradient.sign(), gradient / least)], -1)


class UpdateNetwork(NetworkModule):
    """`update_rule`, one step at a time or over a whole sequence of gradients."""

    def updates(self, gradients: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the updates [T, coordinates] for gradients [T, coordinates], and the states after the last."""
        (update,), ended = self.run_on({"gradients": logarithmic(gradients)}, state, "update")
        return update[..., 0], ended
