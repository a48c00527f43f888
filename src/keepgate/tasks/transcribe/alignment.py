"""Where the symbols of a text lie in an utterance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from keepgate.objectives import ctc_align

__all__ = ["Place", "Transcript", "align", "word_spans"]


class Place(NamedTuple):
    """A part of a text, and where it lies.

    Attributes:
        text: of the part, a symbol or a word.
        begin: where it begins: seconds of a recording, width of ink.
        end: where it ends.
        confidence: the probability that it is right, a word all of it.
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
        confidences: the probability that each is right.
        word_confidences: the probability that each word is, all of it.
    """

    text: str
    symbols: list[str]
    begins: list[float]
    ends: list[float]
    confidences: list[float]
    word_confidences: list[float]

    @property
    def places(self) -> list[Place]:
        """The symbols, each with its place."""
        return [Place(*one) for one in zip(*self[1:5], strict=True)]

    @property
    def words(self) -> list[Place]:
        """The words, which spaces part, each with its place."""
        spans = word_spans(self.text, self.symbols)
        return [
            Place(word, min(self.begins[a:b]), max(self.ends[a:b]), confidence)
            for word, (a, b), confidence in zip(self.text.split(), spans, self.word_confidences, strict=True)
        ]


def word_spans(text: str, symbols: Sequence[str]) -> list[tuple[int, int]]:
    """Return for each word of a text which of its symbols are the first and the one after the last of the word."""
    spans, at = [], 0
    for word in text.split():
        while not symbols[at].strip():
            at += 1
        begin, size = at, 0
        while size < len(word):
            size, at = size + len(symbols[at]), at + 1
        spans.append((begin, at))
    return spans


def align(scores: torch.Tensor, path: Sequence[int], times: np.ndarray, stack: int) -> tuple[list[float], list[float]]:
    """Return where each symbol of a path begins and ends.

    Args:
        scores: log-probabilities [T', K + 1] of the blank and the symbols.
        path: numbers of the symbols, from 1.
        times: where the frames lie, [T + 1].
        stack: frames in a step.
    """
    if not path:
        return [], []
    target, size = torch.tensor([path]), torch.tensor([len(path)])
    steps = ctc_align(scores[:, None], target, torch.tensor([len(scores)]), size)
    begin, end = (np.minimum(step[0].numpy() * stack, len(times) - 1) for step in (steps.begin, steps.end))
    places = [times[a : b + 1] for a, b in zip(begin, end, strict=True)]
    begins, ends = ([float(of(place)) for place in places] for of in (np.min, np.max))  # a pen goes back, too
    return begins, ends
