"""Words of a text as they are typed, and those that a prefix may become."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np

TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")  # a word, perhaps with inner apostrophes and hyphens, or a mark
INNER = "'’-"


def plain(text: str) -> str:
    """The text as it is typed: a run of spaces and line breaks is one space."""
    return " ".join(text.split())


def is_word(token: str) -> bool:
    """Whether a token is a word and no mark."""
    return token[0].isalnum() or token[0] == "_"


class Lexicon:
    """Numbered tokens; words among them can be asked for by prefix, and new ones added.

    Attributes:
        tokens: by number.
        numbers: the number of each token.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = list(tokens)
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        words = sorted((token, number) for number, token in enumerate(self.tokens) if is_word(token))
        self._words = [word for word, _ in words]
        self._ordered = np.array([number for _, number in words], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, token: str) -> int:
        """The number of a token, which is new if it was not known."""
        if token not in self.numbers:
            self.numbers[token] = number = len(self.tokens)
            self.tokens.append(token)
            if is_word(token):
                place = bisect_left(self._words, token)
                self._words.insert(place, token)
                self._ordered = np.insert(self._ordered, place, number)
        return self.numbers[token]

    def beginning(self, prefix: str) -> np.ndarray:
        """The numbers of the words that begin with a prefix and go on."""
        start = bisect_left(self._words, prefix)
        start += start < len(self._words) and self._words[start] == prefix and prefix != ""
        return self._ordered[start : bisect_left(self._words, prefix + "\U0010ffff")]
