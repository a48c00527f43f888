"""The network of `Transcriber`: features, a few to a step, recurrent layers, a score for each symbol and the blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate.nn import Recurrent
from keepgate.objectives import ctc_loss_from_logits
from keepgate.tasks.front_ends import FrontEnd
from keepgate.tasks.padded import Standardise, pad_frames
from keepgate.tasks.sessions import carried
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


class TranscriberNetwork(nn.Module):
    """Scores [B, T', K + 1] of the blank (0) and K symbols, and the lengths in steps [B]; a step is `stack` features.

    Deep recurrent layers under connectionist temporal classification (Graves, Fernández, Gomez & Schmidhuber 2006;
    Graves, Mohamed & Hinton 2013).
    """

    front_end: FrontEnd
    standardise: Standardise

    def __init__(self, front_end: FrontEnd, recurrent: Recurrent, symbols: int, stack: int, dropout: float) -> None:
        super().__init__()
        self.front_end, self.recurrent, self.stack, self.dropout = front_end, recurrent, stack, dropout
        self.standardise = Standardise(front_end.size)
        self.output = nn.Linear(recurrent.output_size, symbols + 1)

    def measure(self, frames: Sequence[np.ndarray]) -> None:
        """Standardise by the features of these utterances."""
        self.standardise.fit(self.front_end.undisturbed(frames))

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Scores; those past an utterance's length mean nothing."""
        scores, lengths, _ = self.scan(x, lengths)
        return scores, lengths

    def scan(self, x: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Tensor, Any]:
        """Scores, lengths, and the state that the recurrent layers end in; `state`: that of the utterances before
        (`carried`)."""
        x, lengths = self.front_end(x, lengths)
        x, lengths = self._stacked(self.standardise(x), lengths)
        output, state = self.recurrent(x, carried(self.recurrent, state, len(x)), lengths=lengths)
        return self.output(F.dropout(output, self.dropout, self.training)), lengths, state

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

    def _stacked(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`stack` features side by side as one; zeros past the length."""
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.stack))
        inside = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        x = (x * inside[..., None]).unflatten(1, (-1, self.stack)).flatten(2)
        return x, (lengths + self.stack - 1) // self.stack
