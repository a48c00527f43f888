"""Where the symbols of a text lie in an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from keepgate.objectives import ctc_align

__all__ = ["Place", "Transcript", "align"]


class Place(NamedTuple):
    """A part of a text, and where it lies.

    Attributes:
        text: of the part, a symbol or a word.
        begin: where it begins: seconds of a recording, width of ink.
        end: where it ends.
        confidence: its probability, of a word the mean of its symbols'.
    """

    text: str
    begin: float
    end: float
    confidence: float


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

    @property
    def places(self) -> list[Place]:
        """The symbols, each with its place."""
        return [Place(*one) for one in zip(*self[1:], strict=True)]

    @property
    def words(self) -> list[Place]:
        """The words, which spaces part, each with its place."""
        inked, found = iter(one for one in self.places if one.text.strip()), []
        for word in self.text.split():
            parts, size = [], 0
            while size < len(word):
                parts.append(next(inked))
                size += len(parts[-1].text)
            begin, end = min(part.begin for part in parts), max(part.end for part in parts)
            found.append(Place(word, begin, end, float(np.mean([part.confidence for part in parts]))))
        return found


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
