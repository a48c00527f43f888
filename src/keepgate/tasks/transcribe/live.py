"""A recording transcribed while it is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keepgate.data.audio.stream import LogMelStream
from keepgate.errors import InputError
from keepgate.runtime import Stream

if TYPE_CHECKING:
    from keepgate.tasks.transcribe.estimator import Transcriber

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
        self.model = model
        self._mel = LogMelStream(model.rate_, model.bands)
        self._stream = Stream(model.network_.runner(), "frames", "output")
        self._last, self._begun = 0, False

    def feed(self, samples: np.ndarray) -> str:
        """The text that these samples [N] add."""
        return self._read(self._stream.feed(self._mel.feed(samples)[None]))

    def finish(self) -> str:
        """The text that the end adds."""
        return self._read(self._stream.finish(self._mel.finish()[None]))

    def _read(self, scores: np.ndarray) -> str:
        return "".join(map(self._heard, scores[0].argmax(-1).tolist()))

    def _heard(self, number: int) -> str:
        """What a step's best symbol adds: nothing if it is blank or goes on."""
        new = number not in (0, self._last)
        self._last = number
        if not new:
            return ""
        between = " " if self._begun and self.model.symbols == "words" else ""
        self._begun = True
        return between + self.model.symbols_[number - 1]
