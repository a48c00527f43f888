"""What a segmenter learns from: recordings and their segments, cut into pieces of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from keepgate.data.audio.files import as_samples
from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment, as_segment, in_order
from keepgate.errors import InputError, reason
from keepgate.tasks.common.front_ends import checked_rate
from keepgate.tasks.common.given import as_pair
from keepgate.tasks.common.padded import pad_frames
from keepgate.tasks.tag.examples import FrameExamples


class RecordingExamples(FrameExamples):
    """Recordings as batches of `(x [B, T, bands] float32, lengths [B], targets [B, T, K])`.

    Args:
        values: features, N arrays [T_i, bands].
        targets: whether each label holds, N arrays [T_i, K] bool; false past a length. None: one label of zeros.
    """

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[np.ndarray] | None = None) -> None:
        super().__init__(values, [np.zeros((len(v), 1), bool) for v in values] if targets is None else targets)

    @classmethod
    def cut(cls, values: list[np.ndarray], truth: list[np.ndarray], size: int) -> RecordingExamples:
        """Return the pieces of `size` frames of recordings, with their features and what holds in them."""
        pieces = [[one[i : i + size] for one in many for i in range(0, len(one), size)] for many in (values, truth)]
        return cls(*pieces)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the recordings `indices`, padded to the longest."""
        return *pad_frames([self.values[i] for i in indices]), pad_frames([self.targets[i] for i in indices])[0]


def as_recordings(X: Any, y: Any, rate: int | None) -> Recordings:
    """Return recordings and segments that are passed in Python, checked.

    Args:
        X: recordings, or the `Recordings` of a file.
        y: lists of segments, or None.
        rate: of the samples in X, in Hz.

    Raises:
        InputError: it names the recording that cannot be read.
    """
    if isinstance(X, Recordings):
        return X
    X, y = as_pair(X, y, "recordings", "lists of segments")
    rate = checked_rate(rate)
    names = [f"X[{i}]" for i in range(len(X))]
    contents, segments = [], []
    for i, name in enumerate(names):
        try:
            contents.append(as_samples(X[i]))
            segments.append(in_order(map(as_segment, y[i])) if y is not None else [])
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except Exception as error:  # what has no order, or is an object of any library
            raise InputError(f"{name}: its samples or segments cannot be read: {reason(error)}") from error
    return Recordings(contents, rate, names, None if y is None else segments)


def segments_of(data: Recordings) -> list[list[Segment]]:
    """Return the segments of each recording.

    Raises:
        InputError: there are none.
    """
    if data.segments is None:
        raise InputError("there are no segments: give y, a list of them for each recording")
    return data.segments
