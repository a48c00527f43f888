"""The network of `SequenceClassifier`: standardise, convolve, recur, pool over time, decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.tasks.common.counts import SCORES, class_counts
from keepgate.training import Score

FIRST_KERNEL, KERNEL, LAST_KERNEL = 8, 5, 3  # steps that a convolution reads
SHORT, FEW, MANY = 32, 64, 256  # steps: too few to shorten; as recurrent layers like them; the most they get to see
LEAST_HALVES, MOST_HALVES = 2, 6
MOST_CONVOLUTIONS = MOST_HALVES + 1
SMALL = 0.1  # deviation of the vectors that symbols begin with


def pools_for(steps: float) -> tuple[int, ...]:
    """Return by which factor each convolution of a front end shortens sequences of a typical number of steps.

    All but the last one halve, until `FEW` steps are left; of very long sequences the first one leaves so few that the
    recurrent layers see `MANY` at most. So time and memory grow with the number of steps, and no faster.
    """
    if steps < SHORT:
        return (1, 1, 1)
    halves = LEAST_HALVES
    while halves < MOST_HALVES and steps / 2**halves > FEW:
        halves += 1
    first = 2
    while steps / (first * 2 ** (halves - 1)) > MANY:
        first *= 2
    return (first, *[2] * (halves - 1), 1)


def front_end(channels: int, hidden_size: int, pools: Sequence[int]) -> tuple[Step, ...]:
    """Return the steps from `noisy` and `lengths` to `front`: convolutions, each with batch normalization and pooling.

    They are those of the fully convolutional network of Wang, Yan & Oates 2017, which LSTM-FCN (Karim et al. 2018) has
    beside its recurrent layers; here the recurrent layers read what they find, as in Sainath et al. 2015.

    Args:
        channels: of a sequence.
        hidden_size: channels of the first convolution; the others have twice as many.
        pools: by which factor each convolution shortens the sequences.
    """
    steps: list[Step] = []
    source, lengths, width = "noisy", "lengths", channels
    for k, pool in enumerate(pools):
        name = f"front.{k}"
        kernel = FIRST_KERNEL if k == 0 else LAST_KERNEL if k == len(pools) - 1 else KERNEL
        wider = hidden_size if k == 0 else 2 * hidden_size
        steps += [
            Step(f"{name}.convolution", blocks.Convolution(width, wider, kernel), (source, lengths)),
            Step(f"{name}.norm", blocks.BatchNorm(wider), (f"{name}.convolution", lengths)),
            Step(f"{name}.positive", blocks.Activation("relu"), (f"{name}.norm",)),
            Step(f"{name}.pooled", blocks.MaxPool(pool), (f"{name}.positive", lengths)),
        ]
        source, lengths, width = f"{name}.pooled", f"{name}.pooled.lengths", wider
    return tuple(steps)


class Entry(NamedTuple):
    """How sequences enter: the input x, the steps from it to `noisy` [B, T, width], and the width."""

    x: Value
    steps: tuple[Step, ...]
    width: int


def series(channels: int, noise: float) -> Entry:
    """Return the entry of sequences [B, T, C], which are standardized.

    Args:
        channels: C.
        noise: standard deviation of the noise while training (which amounts to Tikhonov regularization, Bishop 1995).
    """
    steps = (
        Step("standardise", blocks.Standardize(channels), ("x",)),
        Step("noisy", blocks.Noise(noise), ("standardise",)),
    )
    return Entry(Value(FLOAT64, ("batch", "time", channels)), steps, channels)


def symbols(count: int, width: int, forgotten: float, dropout: float) -> Entry:
    """Return the entry of texts as numbers [B, T]: a vector for each, learned with the rest.

    Args:
        count: numbers in use; 0 is padding, 1 an unknown symbol.
        width: size of a vector.
        forgotten: share of the symbols that become the unknown one while training.
        dropout: share of the vectors' values that are dropped while training, one mask a text (Gal & Ghahramani 2016).
    """
    steps = (
        Step("known", blocks.SymbolDropout(forgotten, 1), ("x",)),
        Step("embedding", blocks.Embedding(count, width, padding=0), ("known",)),
        Step("noisy", blocks.Dropout(dropout, axis=1), ("embedding",)),
    )
    return Entry(Value(INT64, ("batch", "time")), steps, width)


def reader(
    recurrent: blocks.Recurrent, entry: Entry, outputs: int, *, pools: Sequence[int] = (), dropout: float
) -> tuple[tuple[Input, ...], tuple[Step, ...]]:
    """Return the inputs x and lengths [B], each at least 1, and the steps from them to values [B, outputs].

    They are read from the outputs' mean and maximum over the valid steps, which see every step at the same distance,
    and from the final output of each direction, which sees their order. While training, dropout on these values
    prevents overfitting. With a front end, a second reader decides by the mean of what the convolutions find; the
    values are the mean of both.

    Args:
        recurrent: the recurrent layers, over what enters or the channels of the last convolution.
        entry: of series or of texts.
        outputs: how many values there are.
        pools: of the front end, see `front_end`; none: there is no front end.
        dropout: share of values that are dropped.
    """
    state = f"recurrent.{recurrent.equations.states[0]}"
    front = front_end(entry.width, recurrent.input_size // 2, pools)
    found, lengths = (front[-1].name, f"{front[-1].name}.lengths") if front else ("noisy", "lengths")
    both = (
        Step("found", blocks.Pool("mean"), (found, lengths)),
        Step("found_kept", blocks.Dropout(dropout), ("found",)),
        Step("front_output", blocks.Linear(recurrent.input_size, outputs), ("found_kept",)),
        Step("sum", blocks.Add(), ("output", "front_output")),
        Step("both", blocks.Scale(0.5), ("sum",)),
    )
    inputs = Input("x", entry.x), Input("lengths", Value(INT64, ("batch",)))
    steps = (
        *entry.steps,
        *front,
        Step("recurrent", recurrent, (found, lengths)),
        Step("mean", blocks.Pool("mean"), ("recurrent", lengths)),
        Step("greatest", blocks.Pool("max"), ("recurrent", lengths)),
        Step("last", blocks.Last(recurrent.directions), (state,)),
        Step("pooled", blocks.Concat(), ("mean", "greatest", "last")),
        Step("kept", blocks.Dropout(dropout), ("pooled",)),
        Step("output", blocks.Linear(3 * recurrent.output_size, outputs), ("kept",)),
        *(both if front else ()),
    )
    return inputs, steps


def classifier(
    recurrent: blocks.Recurrent, entry: Entry, classes: int, *, pools: Sequence[int] = (), dropout: float
) -> Network:
    """Return the network from x and lengths [B], each at least 1, to the probabilities [B, K] of K classes.

    It is a `reader` of logits; with a front end the probabilities are those of both, multiplied (Hinton 2002).
    """
    inputs, steps = reader(recurrent, entry, classes, pools=pools, dropout=dropout)
    probabilities = Step("probabilities", blocks.Softmax(), (steps[-1].name,))
    return Network(inputs, (*steps, probabilities), ("probabilities",))


Batch = Sequence[Tensor]  # x, lengths [B], targets [B] and, if they count differently, weights [B]


class ClassifierNetwork(NetworkModule):
    """`classifier` with its loss; while training, targets are smoothed (Szegedy et al. 2016)."""

    standardise: Standardize  # of series

    def __init__(self, description: Network, backend: str = "auto", *, label_smoothing: float) -> None:
        super().__init__(description, backend)
        self.label_smoothing = label_smoothing
        (self.logits,) = description.by_name["probabilities"].sources
        self.readers = ("output", "front_output") if "front_output" in description.by_name else (self.logits,)

    def _draw(self, step: Step) -> None:
        super()._draw(step)
        if isinstance(step.block, blocks.Embedding):  # symbols begin small; the padding stays zero
            with torch.no_grad():
                self.get_parameter(f"{step.name}.weight").mul_(SMALL)

    def take_vectors(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Let symbols begin with vectors that were learned elsewhere.

        Args:
            rows: numbers of the symbols, [V].
            values: their vectors, [V, D].
        """
        with torch.no_grad():
            self.get_parameter("embedding.weight")[torch.from_numpy(rows)] = torch.from_numpy(values)

    def cool(self, temperature: float) -> None:
        """Divide the logits by a temperature: in the weights, so that every runtime has the same probabilities."""
        with torch.no_grad():
            for reader in self.readers:
                for parameter in self.get_submodule(reader).parameters():
                    parameter /= temperature

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits [B, K]; steps past a sequence's length do not count."""
        return self.run({"x": x, "lengths": lengths}, self.logits)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross entropy of a batch of `ClassifiedExamples`, weighted by what each counts.

        While training, it is the mean of that of each reader, and targets are smoothed.
        """
        x, lengths, targets, *weights = batch
        smoothing = self.label_smoothing if self.training else 0.0
        if self.training and len(self.readers) > 1:
            readings = self.run({"x": x, "lengths": lengths}, *self.readers)
        else:
            readings = (self(x, lengths),)
        return torch.stack([cross_entropy(read, targets, *weights, smoothing=smoothing) for read in readings]).mean()

    def assess(self, batch: Batch, state: None = None) -> tuple[Tensor, Tensor, None]:
        """Return the mean cross entropy of a held-out batch, its `class_counts`, and no state."""
        x, lengths, targets, *weights = batch
        logits = self(x, lengths)
        counts = class_counts(targets, logits.argmax(1), logits.shape[1])
        return cross_entropy(logits, targets, *weights), counts, None

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common beyond the shapes."""
        return f"{super().extra_repr()}\nlabel_smoothing={self.label_smoothing}"


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross entropy; weights [B] are of examples, for torch's would weigh smoothed targets too."""
    if weights is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    each = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    return (weights * each).sum() / weights.sum()


def class_score(select: str) -> Score | None:
    """Return the held-out score that chooses the epoch, None for the loss."""
    return None if select == "loss" else Score(select, ClassifierNetwork.assess, SCORES[select])
