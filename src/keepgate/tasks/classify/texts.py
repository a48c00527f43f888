"""What a text is to a classifier: a row of numbers, of its words, its characters or its subwords."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate import limits, schema
from keepgate.data.text.labelled import LabelledTexts
from keepgate.data.text.tokens import TOKENS, Tokens
from keepgate.data.text.vectors import WIDEST, Vectors, read_vectors
from keepgate.errors import InputError, quoted

if TYPE_CHECKING:
    from keepgate.tasks.classify.parameters import SequenceClassifierParameters

__all__ = ["FIRST", "TEXT_STATE", "UNKNOWN", "TextUnits", "as_texts", "units_and_vectors"]

PADDING, UNKNOWN, FIRST = 0, 1, 2  # numbers; units that are known follow
WORD = re.compile(r"\w+|[^\w\s]")  # a mark of punctuation is a word, too
MOST_WORDS = 2**22
KEPT = 20_000  # words of a file of vectors, its first, that are known beside those of the texts
TEXT_STATE = schema.optional(
    schema.record(
        words=schema.optional(schema.several(schema.text(), 0, MOST_WORDS, distinct=True)),
        tokens=schema.optional(TOKENS),
        width=schema.whole(1, WIDEST),
    )
)


@dataclass(frozen=True)
class TextUnits:
    """The units of texts: known words in lower case, or `Tokens`; one of the two is None.

    Attributes:
        words: numbered from 2 on.
        tokens: whose numbers are two less.
        width: size of the vector of a unit.
    """

    words: list[str] | None
    tokens: Tokens | None
    width: int

    @property
    def size(self) -> int:
        """Numbers in use, padding and unknown included."""
        return FIRST + (len(self.words) if self.words is not None else self.tokens.size if self.tokens else 0)

    def encode(self, text: str) -> np.ndarray:
        """Return the numbers of a text, int64 [T]; an empty text is one unknown unit."""
        if self.tokens is None:
            numbers = [self.numbers.get(word, UNKNOWN) for word in split(text)]
        else:
            numbers = self.tokens.encode(text) + FIRST
            numbers[numbers == FIRST + self.tokens.unknown] = UNKNOWN
        return np.array(numbers if len(numbers) else [UNKNOWN], dtype=np.int64)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: FIRST + k for k, word in enumerate(self.words or ())}

    def to_json(self) -> dict[str, Any]:
        """Return the units as plain data."""
        return {"words": self.words, "tokens": self.tokens and self.tokens.to_json(), "width": self.width}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TextUnits:
        """Read what `to_json` wrote.

        Raises:
            InputError: it is both words and tokens, or neither.
        """
        if (data["words"] is None) == (data["tokens"] is None):
            raise InputError("fitted.text says words or tokens, and not both")
        return cls(data["words"], data["tokens"] and Tokens.from_json(data["tokens"]), data["width"])


def units_and_vectors(
    texts: Sequence[str], parameters: SequenceClassifierParameters
) -> tuple[TextUnits, tuple[np.ndarray, np.ndarray] | None]:
    """Return the units of texts to learn from, and the numbers of those that have a vector beforehand, with these.

    Args:
        texts: to find them in.
        parameters: say what units are.

    Raises:
        InputError: there are vectors, but of units that are no words; or as `read_vectors`.
    """
    units, width = parameters.units, int(parameters.embedding_size)
    if units != "words":
        if parameters.vectors is not None:
            raise InputError(f"vectors={quoted(parameters.vectors)} are of words, but units={units}")
        size = int(parameters.vocabulary_size) if units == "subwords" else None
        return TextUnits(None, Tokens.train(texts, units, size, ("unknown",)), width), None
    counts = Counter(word for text in texts for word in split(text))
    words = [word for word, count in counts.most_common() if count >= parameters.least_count]
    if parameters.vectors is None:
        return TextUnits(words, None, width), None
    learned = read_vectors(parameters.vectors, counts.keys(), KEPT)
    small = [row for row, word in enumerate(learned.words) if word == word.lower()]
    learned = Vectors([learned.words[row] for row in small], learned.values[small])
    found = TextUnits([*dict.fromkeys([*words, *learned.words])], None, learned.values.shape[1])
    return found, (np.array([found.numbers[word] for word in learned.words]), learned.values)


def split(text: str) -> list[str]:
    """Return the words and marks of a text, in lower case."""
    return WORD.findall(text.lower())


def as_texts(X: Any) -> list[str] | None:
    """Return texts as a list, or None if X holds none.

    Raises:
        InputError: some are texts and some are not, or there is none.
    """
    if isinstance(X, LabelledTexts):
        return X.texts
    if isinstance(X, str):
        raise InputError(f"X is one text, {quoted(X)}: give a list of texts")
    try:
        first = next(iter(X), None) if not hasattr(X, "columns") and getattr(X, "ndim", 1) == 1 else None
    except TypeError:  # nothing that can be iterated; the reader of series tells it
        return None
    if not isinstance(first, str):
        return None
    wrong = next((i for i, text in enumerate(X) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(f"X[{wrong}] is no text, as X[0] is")
    limits.check("cells", len(X), "X")
    return [str(text) for text in X]
