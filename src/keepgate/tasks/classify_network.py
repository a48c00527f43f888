"""The network of `SequenceClassifier`: standardise, recur, pool over time, decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.nn import Recurrent
from keepgate.tasks.padded import Standardise, last_outputs, pad_frames
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


class ClassifierNetwork(nn.Module):
    """Logits [B, K] of K classes from x [B, T, C] and lengths [B], each at least 1.

    What is decided from is the outputs' mean and greatest value over the valid steps, which see every step at the
    same distance, and the final output of each direction, which sees their order. While training, noise on the
    standardised input (which amounts to Tikhonov regularisation, Bishop 1995), dropout on these values and smoothed
    targets (Szegedy et al. 2016) work against overfitting.
    """

    def __init__(
        self, recurrent: Recurrent, classes: int, *, noise: float, dropout: float, label_smoothing: float
    ) -> None:
        super().__init__()
        self.noise, self.dropout, self.label_smoothing = noise, dropout, label_smoothing
        self.standardise = Standardise(recurrent.input_size)
        self.recurrent = recurrent
        self.output = nn.Linear(3 * recurrent.output_size, classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits; steps past a sequence's length count for nothing."""
        valid = (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[..., None]
        x = self.standardise(x)
        if self.training and self.noise:
            x = x + self.noise * torch.randn_like(x)
        output, state = self.recurrent(x, lengths=lengths)
        mean = output.sum(dim=1) / lengths[:, None]  # outputs past the length are zero
        greatest = output.masked_fill(~valid, -torch.inf).amax(dim=1)
        pooled = torch.cat([mean, greatest, last_outputs(self.recurrent, state)], dim=-1)
        return self.output(F.dropout(pooled, self.dropout, self.training))

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Mean cross entropy of a batch; targets are smoothed while training only."""
        x, lengths, targets = batch
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(self(x, lengths), targets, label_smoothing=smoothing)

    def extra_repr(self) -> str:
        """What a resumed run has to have in common beyond the shapes."""
        return f"noise={self.noise}, dropout={self.dropout}, label_smoothing={self.label_smoothing}"
