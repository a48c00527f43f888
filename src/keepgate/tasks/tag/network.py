"""The networks of `Tagger`: an encoding of each token or frame, recurrent layers over all of them, a tag for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.sessions import carried
from keepgate.tasks.tag.examples import FIRST, UNKNOWN
from keepgate.tasks.tag.scores import breaks_span, marks_spans

Encoder = tuple[tuple[Input, ...], tuple[Step, ...], str, int]  # inputs, steps, the last one's value, and its width


Inputs = Mapping[str, Tensor] | Tensor  # of a batch: those of sentences by name, or frames [B, T, C]


def token_encoder(
    words: int,
    characters: int,
    word_size: int,
    spelling: blocks.Recurrent,
    dropout: float,
    further: Sequence[Encoder] = (),
) -> Encoder:
    """Return the part that encodes a token: a vector learned for its word, and one read from its characters.

    The latter are the final states of a recurrent layer (Ling et al. 2015; Plank, Søgaard & Goldberg 2016). While
    training, a word becomes the unknown one with probability `dropout`, so that its characters have to suffice.

    Args:
        words: numbers in use for words.
        characters: numbers in use for characters.
        word_size: size of a word's vector.
        spelling: the recurrent layer over characters.
        dropout: share of words taken for unknown.
        further: parts that encode tokens in other ways; all are put side by side.
    """
    inputs = (
        Input("words", Value(INT64, ("batch", "time"))),
        Input("forms", Value(INT64, ("forms", "letters"))),
        Input("form_lengths", Value(INT64, ("forms",))),
        Input("places", Value(INT64, ("batch", "time"))),
        *(entry for part in further for entry in part[0]),
    )
    state = f"encoder.recurrent.{spelling.equations.states[0]}"
    steps = (
        Step("known", blocks.SymbolDropout(dropout, UNKNOWN), ("words",)),
        Step("encoder.words", blocks.Embedding(words, word_size, padding=0), ("known",)),
        Step("encoder.characters", blocks.Embedding(characters, spelling.input_size, padding=0), ("forms",)),
        Step("encoder.recurrent", spelling, ("encoder.characters", "form_lengths")),
        Step("spelled", blocks.Last(spelling.directions), (state,)),
        Step("looked_up", blocks.Lookup(), ("spelled", "places")),
        *(step for part in further for step in part[1]),
        Step("tokens", blocks.Concat(), ("encoder.words", "looked_up", *(part[2] for part in further))),
    )
    return inputs, steps, "tokens", word_size + spelling.output_size + sum(part[3] for part in further)


def vector_encoder(words: int, width: int) -> Encoder:
    """Return the part that looks up the vector of a word that was learned elsewhere.

    Args:
        words: numbers in use for words.
        width: size of a vector.
    """
    inputs = (Input("vectors", Value(INT64, ("batch", "time"))),)
    step = Step("encoder.vectors", blocks.Embedding(words, width, padding=0), ("vectors",))
    return inputs, (step,), step.name, width


def frame_encoder(channels: int, *, centred: bool = False) -> Encoder:
    """Return the part that standardizes frames [B, T, C].

    Args:
        channels: C.
        centred: whether the mean over the sequence is subtracted first, as from a recording's bands.
    """
    centre = (Step("centred", blocks.Centre(), ("frames", "lengths")),) if centred else ()
    standardise = Step("encoder.standardise", blocks.Standardize(channels), ("centred" if centred else "frames",))
    inputs = (Input("frames", Value(FLOAT64, ("batch", "time", channels))),)
    return inputs, (*centre, standardise), "encoder.standardise", channels


def tagger(encoder: Encoder, recurrent: blocks.Recurrent, tags: int, dropout: float, reading: blocks.Block) -> Network:
    """Return the network to scores [B, T, K] of K tags, and to what is read from them.

    Its inputs are the encoder's, and lengths [B], each at least 1. One dropout mask a sequence is put on what goes into
    the recurrent layers and what comes out of them (Gal & Ghahramani 2016). Under a `Crf` the scores are the emissions
    of a conditional random field (Huang, Xu & Yu 2015, "Bidirectional LSTM-CRF Models for Sequence Tagging").

    Args:
        encoder: `token_encoder` or `frame_encoder`.
        recurrent: the recurrent layers.
        tags: K.
        dropout: share of values that are dropped.
        reading: the block that reads scores: a `Crf`, or an activation.
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
    FROZEN = ("encoder.vectors.", "language.")  # these were learned elsewhere, and stay as they are
    recurrent: Recurrent
    crf: LinearChainCRF | None

    def __init__(self, description: Network, backend: str = "auto") -> None:
        super().__init__(description, backend)
        self.log_weights: Tensor | None
        self.register_buffer("log_weights", None, persistent=False)
        if "crf" not in description.by_name:
            self.crf = None
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not name.startswith(self.FROZEN))

    def _draw(self, step: Step) -> None:
        if f"{step.name}.".startswith(self.FROZEN):
            return
        super()._draw(step)
        if step.name == "encoder.characters":  # words begin small; they were drawn before, which a seed promises
            nn.init.normal_(self.get_parameter("encoder.words.weight"), std=0.1)

    def weigh(self, weights: np.ndarray) -> None:
        """Let tags have these weights [K] in training, each above 0."""
        self.log_weights = torch.from_numpy(np.log(weights)).to(self.output.weight)  # type: ignore[union-attr]

    def take_vectors(self, values: np.ndarray) -> None:
        """Let words have these vectors [V, D], the padding and the unknown word zeros."""
        weight = self.get_parameter("encoder.vectors.weight")
        with torch.no_grad():
            weight[:FIRST] = 0
            weight[FIRST:] = torch.from_numpy(values)

    def cool(self, temperature: float) -> None:
        """Divide all scores by a temperature: in the weights, so that every runtime has the same probabilities."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith(("output.", "crf.")):
                    parameter /= temperature

    def take_languages(self, models: Sequence[Any]) -> None:
        """Take over the layers of language models."""
        for k, model in enumerate(models):
            for name in ("embedding", "recurrent"):
                weights = model.network_.get_submodule(name).state_dict()
                self.get_submodule(f"language.{k}.{name}").load_state_dict(weights)

    @property
    def standardise(self) -> Standardize | None:
        """The block that standardizes frames, if frames are read."""
        steps = self.description.by_name
        return self.get_submodule("encoder.standardise") if "encoder.standardise" in steps else None  # type: ignore[return-value]

    def forward(self, given: Inputs, lengths: Tensor) -> Tensor:
        """Return scores [B, T, K]; those past a sequence's length are undefined."""
        return self.scan(given, lengths)[0]

    def scan(self, given: Inputs, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return scores [B, T, K], and the state that the recurrent layers end in.

        Args:
            given: inputs of sentences by name, or frames [B, T, C].
            lengths: of the sequences, [B].
            state: that the sequences before ended in; see `carried`.
        """
        state = carried(self.recurrent.directions, state, len(lengths))
        (scores,), state = self.run_on(self.given(given, lengths), state, "output")
        return scores, state

    def given(self, read: Inputs, lengths: Tensor) -> dict[str, Tensor]:
        """Return the network's inputs by name."""
        values = {"frames": read} if isinstance(read, Tensor) else read
        return {**values, "lengths": lengths}

    def read(self, scores: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best tags [B, T], each step's own or those of the best path, and the probabilities [B, T, K]."""
        if self.crf is None:
            return self.best(scores, lengths), scores.double().softmax(-1)
        return self.best(scores, lengths), self.crf.marginals(scores, lengths).double()

    def best(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the best tags [B, T], each step's own or those of the best path."""
        return scores.argmax(-1) if self.crf is None else self.crf.decode(scores, lengths)

    def loss(self, batch: tuple[Inputs, Tensor, Tensor]) -> Tensor:
        """Return the loss of sequences that each begin in the initial state."""
        return self.session_loss(batch, None)[0]

    def session_loss(self, batch: tuple[Inputs, Tensor, Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the mean of -log p over the batch's tags, and the state for the sequences that follow these.

        For a CRF, p is the probability of all tags of a sequence. A tag that the training data lack (-1) does not
        count; for a CRF neither does its sequence.

        Args:
            batch: of `SentenceExamples` or `FrameExamples`.
            state: that the sequences before ended in, or None.
        """
        inputs, lengths, targets = batch
        scores, state = self.scan(inputs, lengths, state)
        return self.loss_of(scores, lengths, targets), state

    def loss_of(self, scores: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of scores [B, T, K]; see `session_loss`.

        Where tags have weights w, scores less log w are trained. So a tag's probability is later w times what it would
        have been, but for the sum, and so it is for whole paths of a CRF: what weighted examples would lead to, too
        (Menon et al. 2021, "Long-tail Learning via Logit Adjustment").
        """
        if self.log_weights is not None:
            scores = scores - self.log_weights
        if self.crf is None:
            return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=-1)
        known = (targets >= 0).sum(1) == lengths
        return self.crf(scores, targets, lengths * known).sum() / (lengths * known).sum()


def forbid_broken_spans(crf: LinearChainCRF, names: Sequence[str], seen: Sequence[Sequence[str]]) -> None:
    """Forbid in a trained CRF what breaks a span, an I- after another kind, unless the training data have it.

    This is done after training: a held-out sentence that is marked wrongly would have an infinite loss.

    Args:
        crf: the trained CRF.
        names: of its tags.
        seen: the tags of the training data.
    """
    if not marks_spans(seen):
        return
    pairs = {pair for row in seen for pair in pairwise([None, *row])}
    with torch.no_grad():
        for k, name in enumerate(names):
            for j, before in enumerate([*names, None]):
                if breaks_span(before, name) and (before, name) not in pairs:
                    (crf.start if before is None else crf.transitions[j])[k] = -torch.inf
