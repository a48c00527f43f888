"""A recurrent language model: embedding, recurrent layers, and a softmax that may be tied or adaptive.

The tensors of its file, V units, E values of an embedding, H hidden units of the layers k = 0, 1, ...:

* `embedding.weight` [V, E];
* `recurrent.weight_ih_lk` [4H, E or H], `recurrent.weight_hh_lk` [4H, H], `recurrent.bias_ih_lk` [4H] and
  `recurrent.bias_hh_lk` [4H] for an LSTM, gates in the order i, f, g, o; for other cells as `Recurrent` names them;
* `output.weight` [V, H], left out where it is tied (then E = H and the embedding is taken), and `output.bias` [V]; with
  an adaptive softmax the tensors of `torch.nn.AdaptiveLogSoftmaxWithLoss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keepgate import schema
from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.tasks.padded import dropped
from keepgate.training import Streams

MOST_UNITS = 2**22
COUNTS = schema.several(schema.whole(0, 2**40), 1, MOST_UNITS)  # of units, in a model file; their sum is an int64
CHUNK = 1024  # steps that are evaluated at once
SHARES = (0.75, 0.95)  # of the text, that the clusters of an adaptive softmax reach up to


class LanguageNetwork(nn.Module):
    """Probabilities of the next unit after each unit.

    recurrent: reads embeddings, time first.
    counts: how often each of the V units is in the training text.
    dropout: share of the values of an embedding and of an output that are dropped, the same for all steps of a window.
    tied: the output's weights are the embedding (Press & Wolf 2017).
    adaptive: rare units are told in clusters, by fewer weights (Grave et al. 2017).
    """

    def __init__(
        self, recurrent: Recurrent, counts: np.ndarray, dropout: tuple[float, float], tied: bool, adaptive: bool
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(counts), recurrent.input_size)
        self.recurrent = recurrent
        self.output = Adaptive(recurrent.output_size, counts) if adaptive else Softmax(recurrent, len(counts), tied)
        self.dropout = dropout

    def forward(self, numbers: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Outputs [T, B, H] of the last layer after each of the units [T, B], and the state they end in."""
        before, after = self.dropout
        outputs, state = self.recurrent(dropped(self.embedding(numbers), before, self.training, time=0), state)
        return dropped(outputs, after, self.training, time=0), state

    def log_probs(self, outputs: Tensor) -> Tensor:
        """Natural logarithms of the probabilities of the next unit, [..., V], after outputs [..., H]."""
        return self.output.log_probs(outputs, self.embedding.weight)

    @staticmethod
    def loss(network: LanguageNetwork, window: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Mean negative log-probability of a window's next units, in nats, and the state to carry on."""
        numbers, following = window
        outputs, state = network(numbers, state)
        return network.output.loss(outputs.flatten(0, 1), following.flatten(), network.embedding.weight), state


class Stack(Recurrent):
    """Layers between which dropout has one mask for all steps of a window."""

    def _between(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout, self.training, time=0)


class Softmax(nn.Module):
    """All units by one product."""

    def __init__(self, recurrent: Recurrent, size: int, tied: bool) -> None:
        super().__init__()
        made = nn.Linear(recurrent.output_size, size)
        self.weight = None if tied else made.weight
        self.bias = nn.Parameter(torch.zeros(size))

    def logits(self, outputs: Tensor, embedding: Tensor) -> Tensor:
        """Unnormalised logarithms, [..., V]."""
        return nn.functional.linear(outputs, embedding if self.weight is None else self.weight, self.bias)

    def log_probs(self, outputs: Tensor, embedding: Tensor) -> Tensor:
        """Logarithms of the probabilities of all units, [..., V]."""
        return self.logits(outputs, embedding).log_softmax(-1)

    def loss(self, outputs: Tensor, following: Tensor, embedding: Tensor) -> Tensor:
        """Mean negative log-probability of the units that follow, [N], after outputs [N, H]."""
        return nn.functional.cross_entropy(self.logits(outputs, embedding), following)


class Adaptive(nn.AdaptiveLogSoftmaxWithLoss):
    """torch's adaptive softmax, whose units go by how common they are."""

    rank: Tensor

    def __init__(self, width: int, counts: np.ndarray) -> None:
        order = np.argsort(-counts, kind="stable")
        places = cutoffs(counts[order])
        super().__init__(width, len(counts), places, min(4.0, width ** (1 / len(places))))  # the last keeps a value
        self.register_buffer("rank", torch.from_numpy(np.argsort(order)), persistent=False)

    def log_probs(self, outputs: Tensor, embedding: Tensor) -> Tensor:
        """Logarithms of the probabilities of all units, [..., V]."""
        return self.log_prob(outputs.flatten(0, -2)).unflatten(0, outputs.shape[:-1])[..., self.rank]

    def loss(self, outputs: Tensor, following: Tensor, embedding: Tensor) -> Tensor:
        """Mean negative log-probability of the units that follow, [N], after outputs [N, H]."""
        return super().forward(outputs, self.rank[following]).loss


def cutoffs(counts: np.ndarray) -> list[int]:
    """Where the clusters end of units whose counts fall: after those that make up each of `SHARES` of the text."""
    reached = np.searchsorted(np.cumsum(counts) / counts.sum(), SHARES) + 1
    return sorted({int(place) for place in reached if 0 < place < len(counts)}) or [len(counts) - 1]


def as_counts(values: list[int], size: int) -> np.ndarray:
    """Counts of so many units from a model file; InputError for another number of them, or where nothing is counted."""
    if len(values) != size or not any(values):
        raise InputError(f"fitted.counts has {len(values)} counts of {size} units, all of which are {sum(values):,}")
    return np.array(values, dtype=np.int64)


def streams(numbers: np.ndarray, batch_size: int, window: int) -> Streams:
    """Units and those that follow them as streams, no more than a batch and if possible none shorter than a window."""
    if len(numbers) < 2:
        raise InputError("the held-out text is too short: give at least two units")
    series = torch.from_numpy(numbers)
    return Streams(series[:-1], series[1:], count=max(1, min(batch_size, (len(numbers) - 1) // window)))


def text_log_probs(network: LanguageNetwork, numbers: np.ndarray) -> np.ndarray:
    """Natural logarithm of the probability of each unit [N] after all before it; the state goes through the text.

    Before the first unit the recurrent layers' output is taken to be zero.
    """
    series = torch.from_numpy(numbers)[:, None].to(network.embedding.weight.device)
    found, state = [], None
    with torch.inference_mode():
        last = torch.zeros(1, 1, network.recurrent.output_size, device=series.device)
        for start in range(0, len(series), CHUNK):
            chunk = series[start : start + CHUNK]
            outputs, state = network(chunk, state)
            log_probs = network.log_probs(torch.cat([last, outputs[:-1]]))
            found.append(log_probs.gather(-1, chunk[..., None])[:, 0, 0].double().cpu())
            last = outputs[-1:]
    return torch.cat(found).numpy()
