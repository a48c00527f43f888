"""The networks of `Tagger`: an encoding of each token or frame, recurrent layers over all of them, a tag for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.sessions import carried
from keepgate.tasks.tag.examples import FIRST, UNKNOWN
from keepgate.tasks.tag.scores import breaks_span, marks_spans

MEMBER = re.compile(r"member\.\d+\.")  # begins the names of the steps of a member of an ensemble

T = TypeVar("T")
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


def tagger(
    encoder: Encoder,
    recurrent: blocks.Recurrent,
    tags: int,
    dropout: float,
    reading: blocks.Block,
    further: Sequence[tuple[int, blocks.Block]] = (),
) -> Network:
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
        further: tags and reading of each further column; all read the same recurrent layers.
    """
    inputs, steps, encoded, _ = encoder
    states = recurrent.initial()
    heads = [_head(prefix, recurrent.output_size, *head) for prefix, head in prefixed([(tags, reading), *further])]
    return Network(
        (*inputs, Input("lengths", Value(INT64, ("batch",))), *states),
        (
            *steps,
            Step("entering", blocks.Dropout(dropout, axis=1), (encoded,)),
            Step("recurrent", recurrent, ("entering", "lengths", *(state.name for state in states))),
            Step("leaving", blocks.Dropout(dropout, axis=1), ("recurrent",)),
            *(step for head, _ in heads for step in head),
        ),
        tuple(name for _, outputs in heads for name in outputs),
    )


def prefixed(heads: Sequence[T]) -> list[tuple[str, T]]:
    """Return heads with what their steps' names begin with: nothing for the first, then `further.0.` and so on."""
    return [(f"further.{k - 1}." if k else "", head) for k, head in enumerate(heads)]


def _head(prefix: str, size: int, tags: int, reading: blocks.Block) -> tuple[tuple[Step, Step], tuple[str, ...]]:
    """Return the steps to a column's tags, and the names of what is read."""
    score = Step(f"{prefix}output", blocks.Linear(size, tags), ("leaving",))
    if isinstance(reading, blocks.Crf):
        return (score, Step(f"{prefix}crf", reading, (score.name, "lengths"))), (
            f"{prefix}crf",
            f"{prefix}crf.marginals",
        )
    return (score, Step(f"{prefix}probabilities", reading, (score.name,))), (f"{prefix}probabilities",)


class TaggerNetwork(NetworkModule):
    """`tagger` with its loss."""

    DRAWN = ("encoder.recurrent",)
    FROZEN = ("encoder.vectors.", "language.")  # these were learned elsewhere, and stay as they are
    crf: LinearChainCRF | None

    def __init__(self, description: Network, backend: str = "auto") -> None:
        super().__init__(description, backend)
        self.log_weights: dict[int, Tensor] = {}
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

    @cached_property
    def heads(self) -> list[str]:
        """What the names of each head's steps begin with."""
        count = sum(step.name.endswith("output") and not MEMBER.match(step.name) for step in self.description.steps)
        return [prefix for prefix, _ in prefixed([None] * count)]

    def field(self, head: int) -> LinearChainCRF | None:
        """Return the random field of a column, if it has one."""
        name = f"{self.heads[head]}crf"
        return self.get_submodule(name) if name in self.description.by_name else None  # type: ignore[return-value]

    def weigh(self, weights: Sequence[np.ndarray | None]) -> None:
        """Let the tags of each column have these weights [K] in training, each above 0; None: all weigh alike."""
        self.log_weights = {k: torch.from_numpy(np.log(w)) for k, w in enumerate(weights) if w is not None}

    def take_vectors(self, values: np.ndarray) -> None:
        """Let words have these vectors [V, D], the padding and the unknown word zeros."""
        weight = self.get_parameter("encoder.vectors.weight")
        with torch.no_grad():
            weight[:FIRST] = 0
            weight[FIRST:] = torch.from_numpy(values)

    def cool(self, *temperatures: float) -> None:
        """Divide each column's scores by a temperature: in the weights, so that every runtime has the same."""
        with torch.no_grad():
            for prefix, temperature in zip(self.heads, temperatures, strict=True):
                for place in self._scored(prefix):
                    for parameter in self.get_submodule(place).parameters():
                        parameter /= temperature

    def _scored(self, prefix: str) -> list[str]:
        """Return the steps whose tensors make a column's scores: with a random field, those of single members too."""
        name, steps = f"{prefix}output", self.description.by_name
        if f"{prefix}crf" not in steps:
            return [name]
        linear = [k for k, step in steps.items() if isinstance(step.block, blocks.Linear)]
        return [f"{prefix}crf", *(k for k in linear if k == name or MEMBER.sub("", k) == name)]

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
        """Return scores [B, T, K] of the first column, and the state that the recurrent layers end in."""
        scores, state = self.scan_all(given, lengths, state)
        return scores[0], state

    def scan_all(self, given: Inputs, lengths: Tensor, state: Any = None) -> tuple[tuple[Tensor, ...], Any]:
        """Return scores [B, T, K] of each column, and the state that the recurrent layers end in.

        Args:
            given: inputs of sentences by name, or frames [B, T, C].
            lengths: of the sequences, [B].
            state: that the sequences before ended in; see `carried`.
        """
        state = carried(self.directions, state, len(lengths))
        return self.run_on(self.given(given, lengths), state, *(f"{prefix}output" for prefix in self.heads))

    def given(self, read: Inputs, lengths: Tensor) -> dict[str, Tensor]:
        """Return the network's inputs by name."""
        values = {"frames": read} if isinstance(read, Tensor) else read
        return {**values, "lengths": lengths}

    def read(self, scores: Tensor, lengths: Tensor, head: int = 0) -> tuple[Tensor, Tensor]:
        """Return the best tags [B, T], each step's own or those of the best path, and the probabilities [B, T, K]."""
        crf = self.field(head)
        chances = scores.double().softmax(-1) if crf is None else crf.marginals(scores, lengths).double()
        return self.best(scores, lengths, head), chances

    def best(self, scores: Tensor, lengths: Tensor, head: int = 0) -> Tensor:
        """Return the best tags [B, T], each step's own or those of the best path."""
        crf = self.field(head)
        return scores.argmax(-1) if crf is None else crf.decode(scores, lengths)

    def loss(self, batch: tuple[Inputs, Tensor, Tensor]) -> Tensor:
        """Return the loss of sequences that each begin in the initial state."""
        return self.session_loss(batch, None)[0]

    def session_loss(self, batch: tuple[Inputs, Tensor, Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the mean of -log p over the batch's tags, and the state for the sequences that follow these.

        The losses of several columns are added.

        For a CRF, p is the probability of all tags of a sequence. A tag that the training data lack (-1) does not
        count; for a CRF neither does its sequence.

        Args:
            batch: of `SentenceExamples` or `FrameExamples`.
            state: that the sequences before ended in, or None.
        """
        inputs, lengths, targets = batch
        scores, state = self.scan_all(inputs, lengths, state)
        return self.sum_of_losses(scores, lengths, targets), state

    def sum_of_losses(self, scores: Sequence[Tensor], lengths: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of all columns by their scores and targets, [B, T] or of several [B, T, H]."""
        each = [self.loss_of(row, lengths, column_of(targets, k), k) for k, row in enumerate(scores)]
        return sum(each[1:], each[0])

    def loss_of(self, scores: Tensor, lengths: Tensor, targets: Tensor, head: int = 0) -> Tensor:
        """Return the loss of a column by its scores [B, T, K]; see `session_loss`.

        Where tags have weights w, scores less log w are trained. So a tag's probability is later w times what it would
        have been, but for the sum, and so it is for whole paths of a CRF: what weighted examples would lead to, too
        (Menon et al. 2021, "Long-tail Learning via Logit Adjustment").
        """
        if head in self.log_weights:
            scores = scores - self.log_weights[head].to(scores)
        crf = self.field(head)
        if crf is None:
            return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=-1)
        known = (targets >= 0).sum(1) == lengths
        return crf(scores, targets, lengths * known).sum() / (lengths * known).sum()


def column_of(targets: Tensor, head: int) -> Tensor:
    """Return the targets [B, T] of a column, of [B, T] or of several [B, T, H]."""
    return targets if targets.ndim == 2 else targets[:, :, head]


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
