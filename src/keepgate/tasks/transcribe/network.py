"""The network of `Transcriber`: features, a few to a step, recurrent layers, a score for each symbol and the blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate import networks as blocks
from keepgate.networks import FLOAT64, INT64, Input, Network, Step, Value
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize
from keepgate.nn.network import NetworkModule
from keepgate.objectives import ctc_loss_from_logits
from keepgate.tasks.common.front_ends import FrontEnd
from keepgate.tasks.common.padded import pad_frames
from keepgate.tasks.common.sessions import carried
from keepgate.training import Examples


class UtteranceExamples(Examples):
    """Utterances as batches of `(x [B, T, F] float64, lengths [B], symbols of all targets, their lengths [B])`."""

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[Sequence[int]] | None = None) -> None:
        self.values = values
        self.targets = [[]] * len(values) if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Feature steps of an utterance."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The utterances `indices`, padded to the longest."""
        targets = [self.targets[i] for i in indices]
        symbols = torch.tensor([symbol for target in targets for symbol in target], dtype=torch.int64)
        return *pad_frames([self.values[i] for i in indices]), symbols, torch.tensor(list(map(len, targets)))

    def weight(self, batch: Any, count: int) -> float:
        """Symbols, for the loss is their mean."""
        return float(batch[3].sum()) if count else 0.0


def transcriber(
    recurrent: blocks.Recurrent, features: int, symbols: int, *, stack: int, dropout: float, centred: bool
) -> Network:
    """Scores [B, T', K + 1] of the blank (0) and K symbols, and the lengths in steps [B]; a step is `stack` frames.

    Deep recurrent layers under connectionist temporal classification (Graves, Fernández, Gomez & Schmidhuber 2006;
    Graves, Mohamed & Hinton 2013). `centred`: frames less their mean over the recording, which tells of microphone and
    room (Atal 1974); it is known whole then before its first step is read.
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
    recurrent: Recurrent

    def __init__(self, description: Network, backend: str, front_end: FrontEnd) -> None:
        super().__init__(description, backend)
        self.front_end = front_end

    def measure(self, frames: Sequence[np.ndarray]) -> None:
        """Standardize by the features of these utterances."""
        self.eval()
        (name,) = self.description.by_name["standardise"].sources
        given = (self._given(torch.from_numpy(x)[None], torch.tensor([len(x)])) for x in frames)
        self.standardise.fit([self.run(one, name)[0].numpy() for one in given])

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Scores; those past an utterance's length mean nothing."""
        scores, lengths, _ = self.scan(x, lengths)
        return scores, lengths

    def scan(self, x: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Tensor, Any]:
        """Scores, lengths, and the state that the recurrent layers end in; `state`: that of the utterances before
        (`carried`)."""
        state = carried(self.recurrent.directions, state, len(x))
        (scores, lengths), state = self.run_on(self._given(x, lengths), state, "output", "stacked.lengths")
        return scores, lengths, state

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """The loss of utterances that each begin anew."""
        return self.session_loss(batch, None)[0]

    def session_loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor], state: Any) -> tuple[Tensor, Any]:
        """Mean CTC loss of a symbol, and the state for the utterances that follow these.

        An utterance that was made too short for its text counts for nothing.
        """
        x, lengths, symbols, sizes = batch
        scores, lengths, state = self.scan(x, lengths, state)
        losses = ctc_loss_from_logits(
            scores.transpose(0, 1), symbols, lengths, sizes, reduction="sum", zero_infinity=True
        )
        return losses / sizes.sum(), state

    def _given(self, x: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        x, lengths = self.front_end(x, lengths)
        return {"frames": x, "lengths": lengths}
