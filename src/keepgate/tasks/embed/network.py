"""The network of `SequenceAutoencoder`: a sequence into one vector, and the vector into the sequence again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule


def autoencoder(recurrent: blocks.Recurrent, writer: blocks.Recurrent, *, noise: float) -> Network:
    """Vectors [B, V] of x [B, T, C] with lengths [B], each at least 1, and x from them.

    After Srivastava, Mansimov & Salakhutdinov 2015, "Unsupervised Learning of Video Representations using LSTMs": one
    recurrent network reads the sequence, another writes it from the last step to the first, so that what was read last
    is written first. The writer is not told the steps that it has written; as in Cho et al. 2014 it gets the vector at
    each step. While training, noise on what is read, not on what is to be written (Vincent et al. 2008), keeps the
    vector from being a copy.
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
            Step("last", blocks.Last(recurrent.directions), (state,)),
            Step("vector", blocks.Linear(recurrent.output_size, writer.input_size), ("last",)),
            Step("repeated", blocks.Repeat(), ("vector", "lengths")),
            Step("writer", writer, ("repeated", "lengths")),
            Step("turned", blocks.Reverse(), ("writer", "lengths")),
            Step("output", blocks.Linear(writer.output_size, channels), ("turned",)),
            Step("restored", blocks.Standardize(channels, restore=True), ("output",), prefix="standardise"),
        ),
        ("vector", "restored"),
    )


class AutoencoderNetwork(NetworkModule):
    """`autoencoder` with its loss."""

    LISTED = ("recurrent", "writer")
    DRAWN = ("writer",)
    standardise: Standardize

    def encode(self, z: Tensor, lengths: Tensor) -> Tensor:
        """The vectors [B, V] of standardized sequences z."""
        return self.run({"standardise": z, "lengths": lengths}, "vector")

    def decode(self, vectors: Tensor, lengths: Tensor, value: str = "output") -> Tensor:
        """Standardized sequences [B, longest, C] from vectors; what lies past a length means nothing."""
        return self.run({"vector": vectors, "lengths": lengths}, value)

    def errors(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """What was written less what was read [B, T, C], standardized; zero past a length."""
        x, lengths, _ = batch
        z, written = self.run({"x": x, "lengths": lengths}, "standardise", "output")
        inside = torch.arange(z.shape[1], device=z.device) < lengths[:, None]
        return (written - z) * inside[:, :, None]

    def loss(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """Mean squared error of a value, in the variances of the channels."""
        errors = self.errors(batch)
        return errors.square().sum() / (batch[1].sum() * errors.shape[2])
