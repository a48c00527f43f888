"""The network of `SequenceAutoencoder`: a sequence into one vector, and the vector into the sequence again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keepgate.nn import Recurrent
from keepgate.tasks.padded import Standardise, last_outputs


class AutoencoderNetwork(nn.Module):
    """Vectors [B, V] of x [B, T, C] with lengths [B], each at least 1, and x from them.

    After Srivastava, Mansimov & Salakhutdinov 2015, "Unsupervised Learning of Video Representations using LSTMs": one
    recurrent network reads the sequence, another writes it from the last step to the first, so that what was read last
    is written first. The writer is not told the steps that it has written; as in Cho et al. 2014 it gets the vector at
    each step. While training, noise on what is read, not on what is to be written (Vincent et al. 2008), keeps the
    vector from being a copy.
    """

    def __init__(self, recurrent: Recurrent, writer: Recurrent, *, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.standardise = Standardise(recurrent.input_size)
        self.recurrent, self.writer = recurrent, writer
        self.vector = nn.Linear(recurrent.output_size, writer.input_size)
        self.output = nn.Linear(writer.output_size, recurrent.input_size)

    def encode(self, z: Tensor, lengths: Tensor) -> Tensor:
        """The vectors [B, V] of standardised sequences z."""
        if self.training and self.noise:
            z = z + self.noise * torch.randn_like(z)
        _, state = self.recurrent(z, lengths=lengths)
        return self.vector(last_outputs(self.recurrent, state))

    def decode(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Standardised sequences [B, longest, C] from vectors; what lies past a length means nothing."""
        steps = int(lengths.max())
        written, _ = self.writer(vectors[:, None].expand(-1, steps, -1), lengths=lengths)
        last_first = (lengths[:, None] - 1 - torch.arange(steps, device=vectors.device)).clamp(min=0)
        return self.output(written.gather(1, last_first[:, :, None].expand_as(written)))

    def errors(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """What was written less what was read [B, T, C], standardised; zero past a length."""
        x, lengths, _ = batch
        z = self.standardise(x)
        inside = torch.arange(z.shape[1], device=z.device) < lengths[:, None]
        return (self.decode(self.encode(z, lengths), lengths) - z) * inside[:, :, None]

    def loss(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """Mean squared error of a value, in the variances of the channels."""
        errors = self.errors(batch)
        return errors.square().sum() / (batch[1].sum() * errors.shape[2])

    def extra_repr(self) -> str:
        """What a resumed run has to have in common beyond the shapes."""
        return f"noise={self.noise}"
