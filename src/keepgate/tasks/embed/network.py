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
    """Return the network from x [B, T, C] with lengths [B], each at least 1, to vectors [B, V] and back to x.

    After Srivastava, Mansimov & Salakhutdinov 2015, "Unsupervised Learning of Video Representations using LSTMs": one
    recurrent network reads the sequence, another writes it from the last step to the first, so that what was read last
    is written first. The writer does not see the steps that it has written; as in Cho et al. 2014 it gets the vector at
    each step. While training, noise on the input and not on the target (Vincent et al. 2008) keeps the vector from
    being a copy.

    Args:
        recurrent: what reads, over the C channels.
        writer: what writes, over the V values of the vector.
        noise: standard deviation of the noise.
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

    def vectors(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """Return the vectors [B, V] of a batch of `SequenceExamples`."""
        x, lengths, _ = batch
        return self.run({"x": x, "lengths": lengths}, "vector")

    def decode(self, vectors: Tensor, lengths: Tensor, value: str = "output") -> Tensor:
        """Return sequences [B, longest, C] from vectors [B, V]; steps past a length are undefined.

        Args:
            vectors: of the sequences.
            lengths: of the sequences, [B].
            value: "output" for standardized sequences, "restored" for those in the data's units.
        """
        return self.run({"vector": vectors, "lengths": lengths}, value)

    def vectors_and_errors(self, batch: tuple[Tensor, Tensor, Any]) -> tuple[Tensor, Tensor]:
        """Return the vectors [B, V], and what was written less what was read [B, T, C], both standardized.

        Past a length the latter is 0.
        """
        x, lengths, _ = batch
        vectors, z, written = self.run({"x": x, "lengths": lengths}, "vector", "standardise", "output")
        inside = torch.arange(z.shape[1], device=z.device) < lengths[:, None]
        return vectors, (written - z) * inside[:, :, None]

    def errors(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """Return the errors of `vectors_and_errors`."""
        return self.vectors_and_errors(batch)[1]

    def loss(self, batch: tuple[Tensor, Tensor, Any]) -> Tensor:
        """Return the mean squared error of a value, in the variances of the channels."""
        errors = self.errors(batch)
        return errors.square().sum() / (batch[1].sum() * errors.shape[2])
