"""Words as they are typed, and their probabilities by counting."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from keepgate.objectives import NGram

TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")  # a word, perhaps with inner apostrophes and hyphens, or a mark
UNFINISHED = re.compile(r"\w+(?:['’-]\w+)*['’-]?$")


def plain(text: str) -> str:
    """Return the text as it is typed: a run of spaces and line breaks is one space."""
    return " ".join(text.split())


def is_word(token: str) -> bool:
    """Return whether a token is a word and no mark."""
    return token[0].isalnum() or token[0] == "_"


class Lexicon:
    """Numbered tokens; words among them can be looked up by prefix, and new ones added.

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
        """Return the number of a token, which is added if it was not known."""
        if token not in self.numbers:
            self.numbers[token] = number = len(self.tokens)
            self.tokens.append(token)
            if is_word(token):
                place = bisect_left(self._words, token)
                self._words.insert(place, token)
                self._ordered = np.insert(self._ordered, place, number)
        return self.numbers[token]

    def beginning(self, prefix: str) -> np.ndarray:
        """Return the numbers of the words that are longer than a prefix and begin with it."""
        start = bisect_left(self._words, prefix)
        start += start < len(self._words) and self._words[start] == prefix and prefix != ""
        return self._ordered[start : bisect_left(self._words, prefix + "\U0010ffff")]


class Recent:
    """Probabilities of tokens from those typed recently: after the last two, after the last one, and fading.

    Each longer context is trusted by how often it occurred, n / (n + `DOUBT`); the shortest is a count in which a token
    weighs `FADE` times less with every token after it (Kuhn & De Mori 1990, "A Cache-Based Natural Language Model").
    """

    DOUBT, FADE = 2.0, 0.998

    def __init__(self) -> None:
        self._fading = np.zeros(0)
        self._after: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        self._last: tuple[int, ...] = ()

    def add(self, number: int) -> None:
        """Append a token."""
        if number >= len(self._fading):
            self._fading = np.pad(self._fading, (0, number + 1024 - len(self._fading)))
        self._fading *= self.FADE
        self._fading[number] += 1
        for start in range(len(self._last)):
            self._after[self._last[start:]][number] += 1
        self._last = (*self._last, number)[-2:]

    def probabilities(self, size: int) -> np.ndarray:
        """Return those of the tokens below `size`, [size]; zeros before the first token."""
        probabilities = np.zeros(size)
        shown = min(size, len(self._fading))
        probabilities[:shown] = self._fading[:shown] / max(self._fading.sum(), 1.0)
        for start in reversed(range(len(self._last))):
            counts = self._after.get(self._last[start:])
            if counts:
                total = sum(counts.values())
                trust = total / (total + self.DOUBT)
                probabilities *= 1 - trust
                for number, count in counts.items():
                    probabilities[number] += trust * count / total
        return probabilities


class Following:
    """Probabilities of all tokens of an n-gram model after a state of its automaton, as one array."""

    def __init__(self, model: NGram) -> None:
        self.automaton, self.size = model.automaton, len(model.vocabulary)

    def step(self, state: int, number: int) -> int:
        """Return the state after a token; one that the model does not know leads to its beginning."""
        return self.automaton.follow(state, number + 2 if number < self.size else -1)[1]

    def probabilities(self, state: int) -> np.ndarray:
        """Return those of the tokens after a state, [V]: of shorter contexts times backoff, then its own arcs."""
        automaton, chain = self.automaton, [state]
        while chain[-1]:
            chain.append(int(automaton.backoff[chain[-1]]))
        probabilities = np.zeros(self.size + 2)
        for place in reversed(chain):
            arcs = slice(automaton.arcs[place], automaton.arcs[place + 1])
            probabilities *= np.exp(automaton.backoff_weights[place])
            probabilities[automaton.symbols[arcs]] = np.exp(automaton.weights[arcs])
        return probabilities[2:]


def numbers_of(tokens: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the place of each token among the names, [N]; their number stands for all others."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(token, len(names)) for token in tokens], dtype=np.int64)


def mixture(probabilities: np.ndarray, rounds: int = 50) -> np.ndarray:
    """Return the weights [M] of models under which tokens are most probable, by expectation-maximization.

    Args:
        probabilities: of each of N tokens by each of M models, [N, M].
        rounds: of the maximization.
    """
    weights = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    for _ in range(rounds):
        shares = probabilities * weights + 1e-12
        weights = (shares / shares.sum(1, keepdims=True)).mean(0)
    return weights
