"""The network of `Transcriber`: features, a few to a step, recurrent layers, a score for each symbol and the blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.objectives import best_path, ctc_loss_from_logits
from keepgate.tasks.common.front_ends import FrontEnd
from keepgate.tasks.common.sessions import carried
from keepgate.training import Score


def transcriber(
    recurrent: blocks.Recurrent, features: int, symbols: int, *, stack: int, dropout: float, centred: bool
) -> Network:
    """Return the network from frames [B, T, features] and lengths [B] to log-probabilities [B, T', K + 1] and lengths.

    They are of the blank (0) and K symbols; each of the T' steps is a stack of frames. Deep recurrent layers are
    trained by connectionist temporal classification (Graves, Fernández, Gomez & Schmidhuber 2006; Graves, Mohamed &
    Hinton 2013).

    Args:
        recurrent: the recurrent layers, over stacked frames.
        features: values of a frame.
        symbols: K.
        stack: frames in a step.
        dropout: share of values that are dropped.
        centred: whether the mean over the recording, which tells of microphone and room (Atal 1974), is subtracted from
            its frames; then all of it has to be there before its first step is read.
    """
    states = recurrent.initial()
    centre = (Step("centred", blocks.Centre(), ("frames", "lengths")),) if centred else ()
    return Network(
        (
            Input("frames", Value(FLOAT64, ("batch", "time", features))),
            Input("lengths", Value(INT64, ("batch",))),
            *states,
        ),
        (
            *centre,
            Step("standardise", blocks.Standardize(features), ("centred" if centred else "frames",)),
            Step("stacked", blocks.Stack(stack), ("standardise", "lengths")),
            Step("recurrent", recurrent, ("stacked", "stacked.lengths", *(state.name for state in states))),
            Step("kept", blocks.Dropout(dropout), ("recurrent",)),
            Step("output", blocks.Linear(recurrent.output_size, symbols + 1), ("kept",)),
            Step("log_probs", blocks.Softmax(log=True), ("output",)),
        ),
        ("log_probs", "stacked.lengths"),
    )


class TranscriberNetwork(NetworkModule):
    """`transcriber` behind a front end, with its loss."""

    front_end: FrontEnd
    standardise: Standardize

    def __init__(self, description: Network, backend: str, front_end: FrontEnd) -> None:
        super().__init__(description, backend)
        self.front_end = front_end

    def measure(self, frames: Sequence[np.ndarray]) -> None:
        """Standardize by the features of utterances, N arrays [T_i, ...] of frames."""
        self.eval()
        (name,) = self.description.by_name["standardise"].sources
        inputs = (self._given(torch.from_numpy(x)[None], torch.tensor([len(x)])) for x in frames)
        self.standardise.fit([self.run(one, name)[0].double().numpy() for one in inputs])

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [B, T', K + 1] and lengths [B]; scores past a length are undefined."""
        scores, lengths, _ = self.scan(x, lengths)
        return scores, lengths

    def scan(self, x: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Tensor, Any]:
        """Return scores, lengths, and the state that the recurrent layers end in.

        Args:
            x: frames [B, T, ...].
            lengths: of the utterances, [B].
            state: that the utterances before ended in; see `carried`.
        """
        state = carried(self.directions, state, len(x))
        (scores, lengths), state = self.run_on(self._given(x, lengths), state, "output", "stacked.lengths")
        return scores, lengths, state

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Return the loss of utterances that each begin in the initial state."""
        return self.session_loss(batch, None)[0]

    def session_loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the mean CTC loss of a symbol, and the state for the utterances that follow these.

        An utterance that augmentation made too short for its text does not count.

        Args:
            batch: of `UtteranceExamples`.
            state: that the utterances before ended in, or None.
        """
        x, lengths, symbols, sizes = batch
        scores, lengths, state = self.scan(x, lengths, state)
        return self.loss_of(scores, lengths, symbols, sizes), state

    def assess(self, batch: Any, state: Any) -> tuple[Tensor, Tensor, Any]:
        """Return the loss of held-out utterances, the edits from their best paths to their texts and the symbols."""
        x, lengths, symbols, sizes = batch
        scores, lengths, state = self.scan(x, lengths, state)
        paths = best_path(scores.transpose(0, 1).cpu().numpy(), lengths.cpu().numpy())
        texts = symbols.cpu().split(sizes.tolist())
        edits = sum(Levenshtein.distance(text.tolist(), path) for text, path in zip(texts, paths, strict=True))
        return self.loss_of(scores, lengths, symbols, sizes), torch.tensor([edits, len(symbols)]), state

    def loss_of(self, scores: Tensor, lengths: Tensor, symbols: Tensor, sizes: Tensor) -> Tensor:
        """Return the mean CTC loss of a symbol; see `session_loss`."""
        losses = ctc_loss_from_logits(
            scores.transpose(0, 1), symbols, lengths, sizes, reduction="sum", zero_infinity=True
        )
        return losses / sizes.sum()

    def _given(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        x, lengths = self.front_end(x, lengths)
        return {"frames": x, "lengths": lengths}


def right_symbols(counts: np.ndarray) -> float:
    """Return 1 - the label error rate, from the sums [2] of edits and symbols."""
    edits, symbols = counts
    return float(1 - edits / symbols)


SCORE = Score("label-error-rate", TranscriberNetwork.assess, right_symbols)
