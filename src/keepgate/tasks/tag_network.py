"""The networks of `Tagger`: what stands for a token or a frame, a recurrent layer over all of them, a tag for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.nn import Recurrent
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.padded import Standardise, dropped, last_outputs, pad_frames, pad_numbers
from keepgate.tasks.sessions import carried
from keepgate.training import Examples

UNKNOWN = 1  # word and character; 0 is padding


class FrameExamples(Examples):
    """Sequences of frames as batches of `(x [B, T, C] float64, lengths [B], targets [B, T])`; targets past a length
    are -1."""

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[np.ndarray] | None = None) -> None:
        self.values = values
        self.targets = [np.zeros(len(v), dtype=np.int64) for v in values] if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Frames of sequence `index`."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The sequences `indices`, padded to the longest."""
        x, lengths = pad_frames([self.values[i] for i in indices])
        return x, lengths, pad_numbers([self.targets[i] for i in indices], -1)

    def weight(self, batch: Any, count: int) -> float:
        """Frames, for the loss is their mean."""
        return float(batch[1].sum()) if count else 0.0


class Tokens(NamedTuple):
    """Sentences as numbers: `words` [B, T]; the batch's distinct `forms` [U, L] by characters, `form_lengths` [U],
    and which of them stands where, `places` [B, T]."""

    words: Tensor
    forms: Tensor
    form_lengths: Tensor
    places: Tensor


class TokenEncoder(nn.Module):
    """A vector for each token: one learned for its word, and the final states of a recurrent layer over its characters.

    After Ling et al. 2015 and Plank, Søgaard & Goldberg 2016. While training, a word becomes the unknown one with
    probability `word_dropout`, so that its characters have to do.
    """

    def __init__(self, words: int, characters: int, word_size: int, recurrent: Recurrent, word_dropout: float) -> None:
        super().__init__()
        self.words = nn.Embedding(words, word_size, padding_idx=0)
        self.characters = nn.Embedding(characters, recurrent.input_size, padding_idx=0)
        nn.init.normal_(self.words.weight, std=0.1)
        self.recurrent, self.word_dropout = recurrent, word_dropout
        self.output_size = word_size + recurrent.output_size

    def forward(self, tokens: Tokens, lengths: Tensor) -> Tensor:
        """Vectors [B, T, output_size]."""
        words = tokens.words
        if self.training and self.word_dropout:
            forget = (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words > 0)
            words = words.masked_fill(forget, UNKNOWN)
        _, state = self.recurrent(self.characters(tokens.forms), lengths=tokens.form_lengths)
        spelled = last_outputs(self.recurrent, state)
        return torch.cat([self.words(words), F.embedding(tokens.places, spelled)], dim=-1)


class FrameEncoder(nn.Module):
    """Frames [B, T, C], standardised by each channel's mean and deviation in the training data."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.standardise = Standardise(channels)
        self.output_size = channels

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Standardised frames in float32."""
        return self.standardise(frames)


class TaggerNetwork(nn.Module):
    """Scores [B, T, K] of K tags from what `encoder` takes, and lengths [B], each at least 1.

    One dropout mask a sequence on what goes into the recurrent layers and what comes out of them (Gal & Ghahramani
    2016). With `crf` the scores are the emissions of a conditional random field (Huang, Xu & Yu 2015, "Bidirectional
    LSTM-CRF Models for Sequence Tagging").
    """

    def __init__(
        self, encoder: TokenEncoder | FrameEncoder, recurrent: Recurrent, tags: int, dropout: float, crf: bool = False
    ) -> None:
        super().__init__()
        self.encoder, self.recurrent, self.dropout = encoder, recurrent, dropout
        self.output = nn.Linear(recurrent.output_size, tags)
        self.crf = LinearChainCRF(tags, batch_first=True) if crf else None

    def forward(self, given: Tokens | Tensor, lengths: Tensor) -> Tensor:
        """Scores; those past a sequence's length mean nothing."""
        return self.scan(given, lengths)[0]

    def scan(self, given: Tokens | Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Scores, and the state that the recurrent layers end in; `state`: that of the sequences before (`carried`)."""
        x = self._drop(self.encoder(given, lengths))
        output, state = self.recurrent(x, carried(self.recurrent, state, len(x)), lengths=lengths)
        return self.output(self._drop(output)), state

    def read(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The best tags [B, T], each step's own or those of the best path, and the probabilities [B, T, K]."""
        if self.crf is None:
            return scores.argmax(-1), scores.double().softmax(-1)
        return self.crf.decode(scores, lengths), self.crf.marginals(scores, lengths).double()

    def loss(self, batch: tuple[Tokens | Tensor, Tensor, Tensor]) -> Tensor:
        """The loss of sequences that each begin anew."""
        return self.session_loss(batch, None)[0]

    def session_loss(self, batch: tuple[Tokens | Tensor, Tensor, Tensor], state: Any) -> tuple[Tensor, Any]:
        """Mean over the batch's tags of -log of their probability; for a CRF, of that of all tags of a sequence.

        A tag of which nothing was learned (-1) counts for nothing; for a CRF neither does its sequence. Beside it the
        state for the sequences that follow these.
        """
        given, lengths, targets = batch
        scores, state = self.scan(given, lengths, state)
        if self.crf is None:
            return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=-1), state
        known = (targets >= 0).sum(1) == lengths
        return self.crf(scores, targets, lengths * known).sum() / (lengths * known).sum(), state

    def _drop(self, x: Tensor) -> Tensor:
        return dropped(x, self.dropout, self.training, time=1)
