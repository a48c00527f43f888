"""The network of `SequenceClassifier`: standardize, recur, pool over time, decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.tasks.common.padded import pad_frames
from keepgate.training import Examples


class SequenceExamples(Examples):
    """Sequences [T_i, C] as batches of `(x [B, T, C] float64, lengths [B], targets [B])`."""

    def __init__(self, values: Sequence[np.ndarray], targets: np.ndarray | None = None):
        self.values = values
        self.targets = np.zeros(len(values), dtype=np.int64) if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Steps of sequence `index`."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The sequences `indices`, padded with zeros to the longest."""
        return *pad_frames([self.values[i] for i in indices]), torch.from_numpy(self.targets[indices])


def classifier(recurrent: blocks.Recurrent, classes: int, *, noise: float, dropout: float) -> Network:
    """Logits [B, K] of K classes from x [B, T, C] and lengths [B], each at least 1.

    What is decided from is the outputs' mean and greatest value over the valid steps, which see every step at the
    same distance, and the final output of each direction, which sees their order. While training, noise on the
    standardized input (which amounts to Tikhonov regularization, Bishop 1995) and dropout on these values work against
    overfitting.
    """
    channels, state = recurrent.input_size, f"recurrent.{recurrent.equations.states[0]}"
    return Network(
        (
            Input("x", Value(FLOAT64, ("batch", "time", channels))),
            Input("lengths", Value(INT64, ("batch",))),
        ),
        (
            Step("standardise", blocks.Standardize(channels), ("x",)),
            Step("noisy", blocks.Noise(noise), ("standardise",)),
            Step("recurrent", recurrent, ("noisy", "lengths")),
            Step("mean", blocks.Pool("mean"), ("recurrent", "lengths")),
            Step("greatest", blocks.Pool("max"), ("recurrent", "lengths")),
            Step("last", blocks.Last(recurrent.directions), (state,)),
            Step("pooled", blocks.Concat(), ("mean", "greatest", "last")),
            Step("kept", blocks.Dropout(dropout), ("pooled",)),
            Step("output", blocks.Linear(3 * recurrent.output_size, classes), ("kept",)),
            Step("probabilities", blocks.Softmax(), ("output",)),
        ),
        ("probabilities",),
    )


class ClassifierNetwork(NetworkModule):
    """`classifier` with its loss; while training, targets are smoothed (Szegedy et al. 2016)."""

    standardise: Standardize

    def __init__(self, description: Network, backend: str = "auto", *, label_smoothing: float) -> None:
        super().__init__(description, backend)
        self.label_smoothing = label_smoothing

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits; steps past a sequence's length count for nothing."""
        return self.run({"x": x, "lengths": lengths}, "output")

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Mean cross entropy of a batch; targets are smoothed while training only."""
        x, lengths, targets = batch
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(self(x, lengths), targets, label_smoothing=smoothing)

    def extra_repr(self) -> str:
        """What a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nlabel_smoothing={self.label_smoothing}"
