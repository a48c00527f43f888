"""The network of `SequenceClassifier`: standardise, recur, pool over time, decide."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule


def classifier(recurrent: blocks.Recurrent, classes: int, *, noise: float, dropout: float) -> Network:
    """Return the network from x [B, T, C] and lengths [B], each at least 1, to the probabilities [B, K] of K classes.

    The classes are read from the outputs' mean and maximum over the valid steps, which see every step at the same
    distance, and from the final output of each direction, which sees their order. While training, noise on the
    standardized input (which amounts to Tikhonov regularization, Bishop 1995) and dropout on these values prevent
    overfitting.

    Args:
        recurrent: the recurrent layers, over the C channels.
        classes: K.
        noise: standard deviation of the noise.
        dropout: share of values that are dropped.
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
        """Return the logits [B, K]; steps past a sequence's length do not count."""
        return self.run({"x": x, "lengths": lengths}, "output")

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the mean cross entropy of a batch of `SequenceExamples`; targets are smoothed while training only."""
        x, lengths, targets = batch
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(self(x, lengths), targets, label_smoothing=smoothing)

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nlabel_smoothing={self.label_smoothing}"
