"""A recording transcribed while it is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from keepgate.data.audio_stream import LogMelStream
from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.tasks.transcribe import Transcriber

__all__ = ["LiveTranscription"]


class LiveTranscription:
    """The text of a recording that comes in pieces, along the best path; the pieces of text together are what `predict`
    gives for the whole. Made by `Transcriber.live`.

    Raises InputError for a model of ink, of layers that read in both directions, or that decodes with a beam.
    """

    def __init__(self, model: Transcriber) -> None:
        if model.kind_ != "audio":
            raise InputError("only recordings can be transcribed as they come; the model was fitted to ink")
        if model.bidirectional:
            raise InputError(
                "a bidirectional model reads a recording to its end first, so it cannot transcribe a live stream; fit "
                "one with --no-bidirectional"
            )
        if model.decoder_.options is not None:
            raise InputError("a live stream is read along the best path: leave out the beam and the language model")
        assert model.rate_ is not None
        self.model, self.network = model, model.network_
        self._mel = LogMelStream(model.rate_, model.bands)
        self._layers = self.network.recurrent.stream()
        self._rows = torch.zeros(0, model.bands)  # standardised, that do not make a step yet
        self._last, self._begun = 0, False

    def feed(self, samples: np.ndarray) -> str:
        """The text that these samples [N] add."""
        return self._read(self._mel.feed(samples))

    def finish(self) -> str:
        """The text that the end adds."""
        text = self._read(self._mel.finish())
        missing = -len(self._rows) % self.model.stack
        self._rows = torch.cat([self._rows, torch.zeros(missing, self.model.bands)])
        return text + self._read(np.zeros((0, self.model.bands), dtype=np.float32))

    @torch.inference_mode()
    def _read(self, rows: np.ndarray) -> str:
        self._rows = torch.cat([self._rows, self.network.standardise(torch.from_numpy(rows).double())])
        count = len(self._rows) // self.model.stack * self.model.stack
        steps, self._rows = self._rows[:count].unflatten(0, (-1, 1, self.model.stack)).flatten(2), self._rows[count:]
        if not count:
            return ""
        best = self.network.output(torch.cat([self._layers.step(x) for x in steps])).argmax(-1)
        return "".join(map(self._heard, best.tolist()))

    def _heard(self, number: int) -> str:
        """What a step's best symbol adds: nothing if it is blank or goes on."""
        new = number not in (0, self._last)
        self._last = number
        if not new:
            return ""
        between = " " if self._begun and self.model.symbols == "words" else ""
        self._begun = True
        return between + self.model.symbols_[number - 1]
