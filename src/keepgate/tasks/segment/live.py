"""A recording segmented while it is heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keepgate.data.audio.stream import LogMelStream
from keepgate.data.recordings.segments import Segment
from keepgate.runtime import Stream

if TYPE_CHECKING:
    from keepgate.tasks.segment.estimator import Segmenter

__all__ = ["LiveSegmentation", "Stretches"]

Stretch = tuple[int, int, float]  # first frame, the frame after the last one, the mean of the values


class Stretches:
    """The stretches of `smooth`, of values that come one after the other; each is given as soon as it is sure.

    Args:
        onset: what a stretch has to reach once.
        offset: what all its values reach.
        min_on: frames below which a stretch is left out.
        min_off: frames below which the gap between two stretches is closed.
    """

    def __init__(self, onset: float, offset: float, min_on: float, min_off: float) -> None:
        self.onset, self.offset, self.min_on, self.min_off = onset, offset, min_on, min_off
        self._values: list[np.float32] = []  # those from frame `_kept` on
        self._kept = self._count = 0
        self._open: int | None = None  # where the values began to reach `offset`
        self._last: tuple[int, int] | None = None  # the stretch before, which may go on if the gap stays short

    def feed(self, values: np.ndarray) -> list[Stretch]:
        """Return the stretches that are sure after these values [T]."""
        found: list[Stretch] = []
        for value in values:
            self._values.append(value)
            if value >= self.offset:
                self._open = self._count if self._open is None else self._open
            else:
                self._close()
            self._count += 1
            found += self._sure()
        return found

    def finish(self) -> list[Stretch]:
        """Return the last stretches."""
        self._close()
        return self._taken()

    def _close(self) -> None:
        """End the values that reach `offset`; if one reached `onset`, they are a stretch or continue the last one."""
        if (
            self._open is not None
            and max(self._values[self._open - self._kept : self._count - self._kept]) >= self.onset
        ):
            first = self._open if self._last is None else self._last[0]
            self._last = first, self._count
        self._open = None

    def _sure(self) -> list[Stretch]:
        """Return the last stretch, if nothing can continue it any more, and forget the values that have no use."""
        begins = self._count if self._open is None else self._open  # where the next one does at the earliest
        found = self._taken() if self._last is not None and begins - self._last[1] >= self.min_off else []
        if self._last is None and begins > self._kept:
            del self._values[: begins - self._kept]
            self._kept = begins
        return found

    def _taken(self) -> list[Stretch]:
        if self._last is None:
            return []
        (first, last), self._last = self._last, None
        mean = float(np.array(self._values[first - self._kept : last - self._kept]).mean())
        return [(first, last, mean)] if last - first >= self.min_on else []


class LiveSegmentation:
    """The segments of a recording that comes in pieces; together they are what `Segmenter.predict` returns.

    Made by `Segmenter.live`.

    Args:
        model: a segmenter that reads in one direction.
        mel: the features that it takes.
        stretches: of each label.
    """

    def __init__(self, model: Segmenter, mel: LogMelStream, stretches: Sequence[Stretches]) -> None:
        self._model, self._mel, self._stretches = model, mel, stretches
        self._stream = Stream(model.network_.runner(), "frames", "probabilities")
        self._samples = 0

    def feed(self, samples: np.ndarray) -> list[Segment]:
        """Return the segments that are sure after the samples [N]."""
        self._samples += len(samples)
        probabilities = self._stream.feed(self._mel.feed(samples)[None])[0]
        return self._segments([one.feed(p) for one, p in zip(self._stretches, probabilities.T, strict=True)])

    def finish(self) -> list[Segment]:
        """Return the last segments."""
        probabilities = self._stream.finish(self._mel.finish()[None])[0]
        pairs = zip(self._stretches, probabilities.T, strict=True)
        return self._segments([one.feed(p) + one.finish() for one, p in pairs])

    def _segments(self, found: Sequence[Sequence[Stretch]]) -> list[Segment]:
        segment, labels = self._model.segment, self._model.labels_
        return sorted(
            segment(first, last, label, self._samples, mean)
            for label, stretches in zip(labels, found, strict=True)
            for first, last, mean in stretches
        )
