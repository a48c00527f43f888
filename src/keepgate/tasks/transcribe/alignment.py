"""Where the symbols of a text lie in an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from keepgate.objectives import ctc_align

__all__ = ["Transcript", "align"]


class Transcript(NamedTuple):
    """The text of an utterance, and where its symbols lie.

    Attributes:
        text: all of it.
        symbols: that it is made of.
        begins: where each begins: seconds of a recording, width of ink (see `FrontEnd.times`).
        ends: where each ends.
        confidences: the probability of each.
    """

    text: str
    symbols: list[str]
    begins: list[float]
    ends: list[float]
    confidences: list[float]


def align(
    scores: torch.Tensor, path: Sequence[int], times: np.ndarray, stack: int
) -> tuple[list[float], list[float], list[float]]:
    """Return where each symbol of a path begins and ends, and its probability.

    Args:
        scores: log-probabilities [T', K + 1] of the blank and the symbols.
        path: numbers of the symbols, from 1.
        times: where the frames lie, [T + 1].
        stack: frames in a step.
    """
    if not path:
        return [], [], []
    target, size = torch.tensor([path]), torch.tensor([len(path)])
    steps = ctc_align(scores[:, None], target, torch.tensor([len(scores)]), size)
    begin, end = (np.minimum(step[0].numpy() * stack, len(times) - 1) for step in (steps.begin, steps.end))
    places = [times[a : b + 1] for a, b in zip(begin, end, strict=True)]
    begins, ends = ([float(of(place)) for place in places] for of in (np.min, np.max))  # a pen goes back, too
    return begins, ends, steps.confidence[0].tolist()
