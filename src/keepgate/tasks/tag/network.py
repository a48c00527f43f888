"""The networks of `Tagger`: what stands for a token or a frame, a recurrent layer over all of them, a tag for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.padded import pad_frames, pad_numbers
from keepgate.tasks.common.sessions import carried
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


Described = tuple[tuple[Input, ...], tuple[Step, ...], str, int]  # inputs, steps, what they end in, and its width


def tokens_encoded(
    words: int, characters: int, word_size: int, spelling: blocks.Recurrent, dropout: float
) -> Described:
    """A vector for each token: one learned for its word, and the final states of a recurrent layer over its characters.

    After Ling et al. 2015 and Plank, Søgaard & Goldberg 2016. While training, a word becomes the unknown one with
    probability `dropout`, so that its characters have to do.
    """
    inputs = (
        Input("words", Value(INT64, ("batch", "time"))),
        Input("forms", Value(INT64, ("forms", "letters"))),
        Input("form_lengths", Value(INT64, ("forms",))),
        Input("places", Value(INT64, ("batch", "time"))),
    )
    state = f"encoder.recurrent.{spelling.equations.states[0]}"
    steps = (
        Step("known", blocks.SymbolDropout(dropout, UNKNOWN), ("words",)),
        Step("encoder.words", blocks.Embedding(words, word_size, padding=0), ("known",)),
        Step("encoder.characters", blocks.Embedding(characters, spelling.input_size, padding=0), ("forms",)),
        Step("encoder.recurrent", spelling, ("encoder.characters", "form_lengths")),
        Step("spelled", blocks.Last(spelling.directions), (state,)),
        Step("looked_up", blocks.Lookup(), ("spelled", "places")),
        Step("tokens", blocks.Concat(), ("encoder.words", "looked_up")),
    )
    return inputs, steps, "tokens", word_size + spelling.output_size


def frames_encoded(channels: int, *, centred: bool = False) -> Described:
    """Frames [B, T, C], standardized; `centred`: first less their mean over the sequence, as a recording's bands."""
    centre = (Step("centred", blocks.Centre(), ("frames", "lengths")),) if centred else ()
    standardise = Step("encoder.standardise", blocks.Standardize(channels), ("centred" if centred else "frames",))
    inputs = (Input("frames", Value(FLOAT64, ("batch", "time", channels))),)
    return inputs, (*centre, standardise), "encoder.standardise", channels


def tagger(
    encoder: Described, recurrent: blocks.Recurrent, tags: int, dropout: float, reading: blocks.Block
) -> Network:
    """Scores [B, T, K] of K tags for what `encoder` reads, and lengths [B], each at least 1; then what is read of them.

    One dropout mask a sequence on what goes into the recurrent layers and what comes out of them (Gal & Ghahramani
    2016). Under a `Crf` the scores are the emissions of a conditional random field (Huang, Xu & Yu 2015,
    "Bidirectional LSTM-CRF Models for Sequence Tagging").
    """
    inputs, steps, encoded, _ = encoder
    states = recurrent.initial()
    crf = isinstance(reading, blocks.Crf)
    return Network(
        (*inputs, Input("lengths", Value(INT64, ("batch",))), *states),
        (
            *steps,
            Step("entering", blocks.Dropout(dropout, axis=1), (encoded,)),
            Step("recurrent", recurrent, ("entering", "lengths", *(state.name for state in states))),
            Step("leaving", blocks.Dropout(dropout, axis=1), ("recurrent",)),
            Step("output", blocks.Linear(recurrent.output_size, tags), ("leaving",)),
            Step("crf", reading, ("output", "lengths")) if crf else Step("probabilities", reading, ("output",)),
        ),
        ("crf", "crf.marginals") if crf else ("probabilities",),
    )


class TaggerNetwork(NetworkModule):
    """`tagger` with its loss."""

    DRAWN = ("encoder.recurrent",)
    recurrent: Recurrent
    crf: LinearChainCRF | None

    def __init__(self, description: Network, backend: str = "auto") -> None:
        super().__init__(description, backend)
        if "crf" not in description.by_name:
            self.crf = None

    def _draw(self, step: Step) -> None:
        super()._draw(step)
        if step.name == "encoder.characters":  # words begin small; they were drawn before, which a seed promises
            nn.init.normal_(self.get_parameter("encoder.words.weight"), std=0.1)

    @property
    def standardise(self) -> Standardize | None:
        """What standardizes frames, if frames are read."""
        steps = self.description.by_name
        return self.get_submodule("encoder.standardise") if "encoder.standardise" in steps else None  # type: ignore[return-value]

    def forward(self, given: Tokens | Tensor, lengths: Tensor) -> Tensor:
        """Scores; those past a sequence's length mean nothing."""
        return self.scan(given, lengths)[0]

    def scan(self, given: Tokens | Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Scores, and the state that the recurrent layers end in; `state`: that of the sequences before (`carried`)."""
        state = carried(self.recurrent.directions, state, len(lengths))
        (scores,), state = self.run_on(self.given(given, lengths), state, "output")
        return scores, state

    def given(self, read: Tokens | Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """The network's inputs."""
        values = read._asdict() if isinstance(read, Tokens) else {"frames": read}
        return {**values, "lengths": lengths}

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
