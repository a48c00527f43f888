"""The network of `Translator`: deep residual recurrent encoder, and a decoder that attends to all that was encoded.

After Wu et al. 2016, "Google's Neural Machine Translation System" (GNMT): the encoder's first layer reads in both
directions, further layers are residual, and what the bottom layer of the decoder attends to goes into all layers above
it. As no layer waits for an attention of the step before, training runs each layer over the whole sentence at once.
The top layer attends anew (Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.3), for what
is said; attention is bilinear (Luong, Pham & Manning 2015, eq. 8, "general") and goes into the output as in their
eq. 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.nn import Recurrent
from keepgate.tasks.padded import dropped, pad_numbers
from keepgate.training import Examples

Pair = tuple[np.ndarray, np.ndarray]  # symbols of the source and of the target, each [N] int64, without end


class PairExamples(Examples):
    """Pairs as batches `(source [B, S], its lengths [B], target [B, T], its lengths [B])`.

    `end` closes every source and target, and begins what the decoder reads; a target has one more symbol than is said.
    """

    def __init__(self, pairs: Sequence[Pair], ends: tuple[int, int]) -> None:
        self.pairs, self.ends = pairs, ends

    def __len__(self) -> int:
        return len(self.pairs)

    def length(self, index: int) -> int:
        """Symbols of source and target together."""
        return sum(map(len, self.pairs[index]))

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The pairs `indices`, padded to the longest."""
        source, target = ([np.append(self.pairs[i][side], self.ends[side]) for i in indices] for side in (0, 1))
        return pad_numbers(source), _lengths(source), pad_numbers(target), _lengths(target)

    def weight(self, batch: Any, count: int) -> float:
        """Symbols of the targets, for the loss is their mean."""
        return float(batch[3].sum()) if count else 0.0


def _lengths(rows: Sequence[np.ndarray]) -> Tensor:
    return torch.tensor([len(row) for row in rows])


class Memory(NamedTuple):
    """What the decoder attends to: `values` [B, S, H] and whether they are `inside` their length [B, S]."""

    values: Tensor
    inside: Tensor


class Decoding(NamedTuple):
    """Where a decoder stands in each of B sentences: what it attends to, and the states of its layers (None: zero)."""

    memory: Memory
    states: tuple[Any, ...]


class Attention(nn.Module):
    """Weights softmax(q W m) over a memory, and the sum of its values by these weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """For queries [B, T, H] the sums [B, T, H] and the weights [B, T, S]."""
        scores = self.query(query) @ memory.values.transpose(1, 2)
        weights = scores.masked_fill(~memory.inside[:, None], -math.inf).softmax(-1)
        return weights @ memory.values, weights


class TranslatorNetwork(nn.Module):
    """Scores of the next symbol, from a source and the target so far.

    One dropout mask a sentence on all that goes into recurrent layers and into the output (Gal & Ghahramani 2016). The
    output's weights are the vectors of the target's symbols (Press & Wolf 2017); if `shared`, those of the source too.
    """

    def __init__(
        self,
        encoder: Sequence[Recurrent],
        decoder: Sequence[Recurrent],
        symbols: tuple[int, int],
        shared: bool,
        dropout: float,
        smoothing: float,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        self.dropout, self.smoothing = dropout, smoothing
        size, hidden = encoder[0].input_size, encoder[0].output_size
        self.target = nn.Embedding(symbols[1], size)
        self.source = self.target if shared else nn.Embedding(symbols[0], size)
        for vectors in dict.fromkeys((self.source, self.target)):
            nn.init.normal_(vectors.weight, std=size**-0.5)
        self.begin = nn.Linear(hidden, hidden)
        self.attend = nn.ModuleList(Attention(hidden) for _ in decoder[:2])  # of the bottom layer, and of the top one
        self.combine = nn.Linear(2 * hidden, size)
        self.bias = nn.Parameter(torch.zeros(symbols[1]))

    def encode(self, source: Tensor, lengths: Tensor) -> Decoding:
        """Read sources [B, S]; where the decoder stands before its first step."""
        x = self._drop(self._read(self.source, source))
        x, _ = self.encoder[0](x, lengths=lengths)
        for layer in self.encoder[1:]:
            x = x + layer(self._drop(x), lengths=lengths)[0]
        inside = torch.arange(source.shape[1], device=source.device) < lengths[:, None]
        first = torch.tanh(self.begin(x.sum(1) / lengths[:, None]))
        return Decoding(Memory(x, inside), (self._first_state(first), *[None] * (len(self.decoder) - 1)))

    def decode(self, symbols: Tensor, at: Decoding) -> tuple[Tensor, Tensor, Decoding]:
        """Read the T target symbols [B, T] that come next.

        Returns the vectors [B, T, E] that the next symbols are told from (see `scores`), the top layer's weights of
        attention [B, T, S], and where the decoder stands then.
        """
        x, state = self.decoder[0](self._drop(self._read(self.target, symbols)), at.states[0])
        context, weights = self.attend[0](x, at.memory)
        states = [state]
        for layer, state in zip(self.decoder[1:], at.states[1:], strict=True):
            above, state = layer(self._drop(torch.cat([x, context], -1)), state)
            x = x + above
            states.append(state)
        if len(self.decoder) > 1:
            context, weights = self.attend[1](x, at.memory)
        told = torch.tanh(self.combine(self._drop(torch.cat([x, context], -1))))
        return self._drop(told), weights, Decoding(at.memory, tuple(states))

    def scores(self, told: Tensor) -> Tensor:
        """Logits [..., V] of the next symbol."""
        return F.linear(told, self.target.weight, self.bias)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Mean cross entropy of the targets' symbols; in training with label smoothing (Szegedy et al. 2016)."""
        source, lengths, target, target_lengths = batch
        before = torch.roll(target, 1, 1)
        before[:, 0] = target.gather(1, target_lengths[:, None] - 1)[:, 0]  # the end is the beginning
        told, _, _ = self.decode(before, self.encode(source, lengths))
        inside = torch.arange(target.shape[1], device=target.device) < target_lengths[:, None]
        smoothing = self.smoothing if self.training else 0.0
        return F.cross_entropy(self.scores(told[inside]), target[inside], label_smoothing=smoothing)

    def _first_state(self, first: Tensor) -> Any:
        """The bottom layer's state before the first step, [B, 1, W]: its output as given, all else zero."""
        bottom: Any = self.decoder[0]
        state = tuple(first.new_zeros(len(first), 1, width) for width in list(bottom.widths.values())[1:])
        return (first[:, None], *state) if state else first[:, None]

    def _read(self, vectors: nn.Embedding, symbols: Tensor) -> Tensor:
        """Vectors with numbers about 1 in size, which are small as the output's weights (Vaswani et al. 2017, 3.4)."""
        return vectors(symbols) * vectors.embedding_dim**0.5

    def _drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout, self.training, time=1)
