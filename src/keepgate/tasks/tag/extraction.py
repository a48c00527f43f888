"""What is marked in texts: the spans of tags, with their text, their place in it, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keepgate.data.text.running import RunningText
from keepgate.tasks.tag.scores import Span, spans

__all__ = ["Extract", "extracts", "joined", "of_running", "span_score"]


class Extract(NamedTuple):
    """A span in a text.

    Attributes:
        kind: what it is.
        start: its first token.
        stop: the token behind its last one.
        text: the text from its first character to its last.
        begin: its first character.
        end: the character behind its last one.
        score: the least probability of its tags.
    """

    kind: str
    start: int
    stop: int
    text: str
    begin: int
    end: int
    score: float


Places = Sequence[tuple[int, int]]


def extracts(text: str, places: Places, tags: Sequence[str], chances: Sequence[float], first: int = 0) -> list[Extract]:
    """Return what the tags of a sentence mark.

    Args:
        text: that the sentence is in.
        places: where each token begins and ends in it.
        tags: of the tokens.
        chances: probabilities of the tags.
        first: tokens of the text before the sentence.
    """
    found = []
    for span in spans(tags):
        begin, end = places[span.start][0], places[span.stop - 1][1]
        score = span_score(span, chances)
        found.append(Extract(span.kind, first + span.start, first + span.stop, text[begin:end], begin, end, score))
    return found


def of_running(
    data: RunningText, tags: list[str], found: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[list[Extract]]:
    """Return what is marked in each of the texts of `data`.

    Args:
        data: the texts, and their sentences.
        tags: by their numbers.
        found: of each sentence the numbers of its best tags [T], and the probabilities [T, K] of all.
    """
    marked: list[list[Extract]] = [[] for _ in data.texts]
    tokens = [0] * len(data.texts)
    for k, places, (best, chances) in zip(data.of_text, data.places, found, strict=True):
        sure = chances[np.arange(len(best)), best].tolist()
        marked[k] += extracts(data.texts[k], places, [tags[tag] for tag in best.tolist()], sure, tokens[k])
        tokens[k] += len(places)
    return marked


def joined(tokens: Sequence[str]) -> tuple[str, Places]:
    """Return the tokens apart by single spaces, and where each begins and ends."""
    places, end = [], -1
    for token in tokens:
        places.append((end + 1, end + 1 + len(token)))
        end = places[-1][1]
    return " ".join(tokens), places


def span_score(span: Span, probabilities: Any) -> float:
    """Return how sure a span is: the least probability of its tags."""
    return float(min(probabilities[span.start : span.stop]))
