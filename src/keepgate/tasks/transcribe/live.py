"""A recording transcribed while it is heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.data.audio.stream import LogMelStream
from keepgate.runtime import Runner, Stream

__all__ = ["LiveTranscription"]


class LiveTranscription:
    """The text of a recording that comes in pieces, along the best path.

    The pieces of text together are what `Transcriber.predict` returns for the whole; made by `Transcriber.live`.

    Args:
        runner: of a transcriber's network that reads in one direction.
        mel: the features that it takes.
        symbols: that its scores are of.
        separator: what stands between them in a text.
    """

    def __init__(self, runner: Runner, mel: LogMelStream, symbols: Sequence[str], separator: str) -> None:
        self._mel, self._symbols, self._separator = mel, symbols, separator
        self._stream = Stream(runner, "frames", "output")
        self._last, self._begun = 0, False

    def feed(self, samples: np.ndarray) -> str:
        """Return the text that the samples [N] add."""
        return self._text(self._stream.feed(self._mel.feed(samples)[None]))

    def finish(self) -> str:
        """Return the text that the end adds."""
        return self._text(self._stream.finish(self._mel.finish()[None]))

    def _text(self, scores: np.ndarray) -> str:
        return "".join(map(self._symbol, scores[0].argmax(-1).tolist()))

    def _symbol(self, number: int) -> str:
        """Return what a step's best symbol adds: nothing if it is the blank or the last one continued."""
        is_new = number not in (0, self._last)
        self._last = number
        if not is_new:
            return ""
        between = self._separator if self._begun else ""
        self._begun = True
        return between + self._symbols[number - 1]
