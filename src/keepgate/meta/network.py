"""The network of `MetaLearner`: recurrent layers that read an input and the target of the example before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule


def meta_learner(recurrent: blocks.Recurrent, inputs: int, outputs: int, *, classes: bool) -> Network:
    """Return the network from inputs and the targets before them to what it says of each input.

    Args:
        recurrent: layers that read `inputs + outputs` numbers.
        inputs: I, of x [B, T, I].
        outputs: O, of last [B, T, O]: the target of the example before, a class as zeros and a one. At the first
            example it is the mean of targets; of classes it is zeros.
        classes: whether it says probabilities of classes; else numbers.
    """
    states = recurrent.initial()
    entries = (("x", inputs), ("last", outputs))
    given = tuple(Input(name, Value(FLOAT64, ("batch", "time", width))) for name, width in entries)
    said = blocks.Softmax() if classes else blocks.Standardize(outputs, restore=True)
    steps = (
        Step("inputs", blocks.Standardize(inputs), ("x",)),
        Step("targets", blocks.Standardize(outputs), ("last",)),
        Step("pairs", blocks.Concat(), ("inputs", "targets")),
        Step("recurrent", recurrent, ("pairs", "", *(state.name for state in states))),
        Step("output", blocks.Linear(recurrent.output_size, outputs), ("recurrent",)),
        Step("said", said, ("output",)),
    )
    return Network((*given, *states), steps, ("said", *(f"recurrent.{state}" for state in recurrent.widths)))


class MetaLearnerNetwork(NetworkModule):
    """`meta_learner` with its loss."""

    inputs: Standardize
    targets: Standardize

    def scale(self, x: np.ndarray, y: np.ndarray) -> None:
        """Take means and deviations of inputs [N, I] and of targets [N, O]; those of classes [N] stay as they are."""
        self.inputs.fit([x])
        for step in (self.targets, self.get_submodule("said")) if y.ndim > 1 else ():
            step.fit([y])  # pyright: ignore[reportCallIssue]

    def as_targets(self, y: Tensor) -> Tensor:
        """Return targets as the network reads them: numbers [..., O] as they are, classes [...] as zeros and a one."""
        return y if y.is_floating_point() else F.one_hot(y, len(self.targets.mean)).double()

    def before(self, targets: Tensor) -> Tensor:
        """Return the target before each of `targets` [B, T, O]; before the first it is the mean."""
        return torch.cat([self.targets.mean.expand_as(targets[:, :1]), targets[:, :-1]], 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what it says of each input [B, T, I], having seen the targets y before it, [B, T, O]."""
        return self.run({"x": x, "last": self.before(self.as_targets(y))}, "said")

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the squared error over all examples, in deviations of the targets; of classes the cross-entropy."""
        x, y = batch
        targets = self.as_targets(y)
        output = self.run({"x": x, "last": self.before(targets)}, "output")
        if y.is_floating_point():
            return F.mse_loss(output, self.targets(targets, output.dtype))
        return F.cross_entropy(output.flatten(0, 1), y.flatten())
