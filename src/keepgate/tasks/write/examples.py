"""What a language model learns from: a text's units as streams, and how often each is in it."""

from __future__ import annotations

import numpy as np
import torch

from keepgate import schema
from keepgate.errors import InputError
from keepgate.tasks.write.parameters import MOST_UNITS
from keepgate.training import Streams

__all__ = ["COUNTS", "as_counts", "streams"]

COUNTS = schema.several(schema.whole(0, 2**40), 1, MOST_UNITS)  # of units, in a model file; their sum is an int64


def as_counts(values: list[int], size: int) -> np.ndarray:
    """Return counts of `size` units from a model file.

    Raises:
        InputError: there is another number of them, or all are 0.
    """
    if len(values) != size or not any(values):
        raise InputError(f"fitted.counts has {len(values)} counts of {size} units, all of which are {sum(values):,}")
    return np.array(values, dtype=np.int64)


def streams(numbers: np.ndarray, batch_size: int, window: int) -> Streams:
    """Return units and those that follow them as streams.

    There are no more than a batch has rows, and if possible none is shorter than a window.
    """
    if len(numbers) < 2:
        raise InputError("the held-out text is too short: give at least two units")
    series = torch.from_numpy(numbers)
    return Streams(series[:-1], series[1:], count=max(1, min(batch_size, (len(numbers) - 1) // window)))
