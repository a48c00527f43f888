"""N-gram language models: interpolated Kneser-Ney smoothing with three discounts.

Kneser & Ney 1995; Chen & Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", section 3
("modified Kneser-Ney"). NumPy only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from keepgate import schema
from keepgate.errors import InputError, listed
from keepgate.objectives.automaton import Automaton

__all__ = ["MOST_ORDER", "NGram"]

BEGIN, END = 0, 1  # the first tokens of every vocabulary
FALLBACK = (0.5, 1.0, 1.5)  # discounts where the counts of counts give none, as of few or artificial texts
MOST_ORDER = 100  # tokens that are looked at together
CONFIG = schema.record(
    order=schema.whole(1, MOST_ORDER),
    vocabulary=schema.several(schema.text(least=1), 1, distinct=True),
    unknown=schema.number(most=0.0),
    start=schema.whole(0, 2**31 - 1),
)
ARRAYS = ("arcs", "symbols", "targets", "weights", "backoff", "backoff_weights")


class NGram:
    """Probabilities of tokens after the `order` - 1 tokens before them.

    >>> model = NGram.train(["the cat sat", "the cat ran"], order=3)
    >>> model.log_prob("the cat") > model.log_prob("cat the")
    True

    Attributes:
        order: the most tokens that are looked at together.
        vocabulary: the tokens it was trained on.
        automaton: over numbers of tokens: their places in `vocabulary` plus 2; 1 ends a sequence.
    """

    def __init__(self, order: int, vocabulary: Sequence[str], automaton: Automaton) -> None:
        self.order, self.vocabulary, self.automaton = order, tuple(vocabulary), automaton
        self._numbers = {token: number for number, token in enumerate(self.vocabulary, 2)}

    @classmethod
    def train(cls, sequences: Iterable[str | Sequence[str]], order: int) -> NGram:
        """Return the model of sequences: each a list of tokens, or a text, whose words are its tokens.

        Give `map(list, texts)` for characters.

        Raises:
            InputError: the order is below 1, or there is no token.
        """
        if not 1 <= order <= MOST_ORDER:
            raise InputError(f"the order of an n-gram model is from 1 to {MOST_ORDER}, got {order}")
        tokens = [_tokens(sequence) for sequence in sequences]
        vocabulary = sorted({token for sequence in tokens for token in sequence})
        if not vocabulary:
            raise InputError("the text for a language model is empty; give sequences with at least one token")
        numbers = {token: number for number, token in enumerate(vocabulary, 2)}
        text = [[BEGIN, *(numbers[token] for token in sequence), END] for sequence in tokens]
        return cls(order, vocabulary, _estimate(text, order, len(vocabulary) + 2))

    def log_prob(self, sequence: str | Sequence[str], *, end: bool = True) -> float:
        """Return the natural logarithm of the probability of a sequence and, if `end`, that it ends there."""
        numbers = [self._numbers.get(token, -1) for token in _tokens(sequence)] + [END] * end
        total, state = 0.0, self.automaton.start
        for number in numbers:
            weight, state = self.automaton.follow(state, number)
            total += weight
        return total

    def perplexity(self, sequences: Iterable[str | Sequence[str]]) -> float:
        """Return the perplexity per token, the end of each sequence being one."""
        scores = [(self.log_prob(sequence), len(_tokens(sequence)) + 1) for sequence in sequences]
        return float(np.exp(-sum(log for log, _ in scores) / sum(count for _, count in scores)))

    def renumbered(self, tokens: Sequence[str]) -> Automaton:
        """Return the automaton with each token's number its place in `tokens`, and the end's number len(tokens).

        Tokens that are not among them are left out; those that the model does not know weigh `unknown`.
        """
        places = {token: place for place, token in enumerate(tokens)}
        to = np.full(len(self.vocabulary) + 2, -1)
        to[END] = len(tokens)
        to[2:] = [places.get(token, -1) for token in self.vocabulary]
        old = self.automaton
        sources = np.repeat(np.arange(len(old.backoff)), np.diff(old.arcs))
        symbols = to[old.symbols]
        kept = symbols >= 0
        arcs = (sources[kept], symbols[kept], old.targets[kept], old.weights[kept])
        return Automaton.of_arcs(*arcs, old.backoff, old.backoff_weights, old.unknown, start=old.start, end=len(tokens))

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the model as plain data and arrays, which `keepgate.store` can write."""
        config = {"order": self.order, "vocabulary": list(self.vocabulary)}
        config |= {"unknown": self.automaton.unknown, "start": self.automaton.start}
        return config, {name: getattr(self.automaton, name) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, config: dict[str, Any], arrays: dict[str, np.ndarray]) -> NGram:
        """Return the model that `to_arrays` took apart.

        Raises:
            InputError: what is given is no such model; nothing is taken for granted, since a core reads it unchecked.
        """
        CONFIG("n-gram", config)
        if set(arrays) != set(ARRAYS):
            raise InputError(f"an n-gram model has the arrays {', '.join(ARRAYS)}; got {listed(arrays)}")
        named = {name: np.ascontiguousarray(arrays[name]) for name in ARRAYS}
        automaton = Automaton(**named, unknown=float(config["unknown"]), start=config["start"], end=END)
        automaton.check(symbols=len(config["vocabulary"]) + 2)
        return cls(config["order"], config["vocabulary"], automaton)


def _tokens(sequence: str | Sequence[str]) -> Sequence[str]:
    return sequence.split() if isinstance(sequence, str) else sequence


class _Grams(NamedTuple):
    """The different n-grams of one length; G of them.

    Attributes:
        prefix: [G] number of the n-gram without its last token, among those one shorter.
        suffix: [G] number of it without its first token.
        last: [G] its last token.
        counts: [G] how often it occurs.
        begins: [G] whether its first token is the beginning.
        number: [positions] number of the n-gram that ends at each position of the text; -1: none.
    """

    prefix: np.ndarray
    suffix: np.ndarray
    last: np.ndarray
    counts: np.ndarray
    begins: np.ndarray
    number: np.ndarray


def _count(text: Sequence[Sequence[int]], order: int, tokens: int) -> list[_Grams]:
    """Return the n-grams of each length from 1; the beginning of a sequence is never the last token of a longer one."""
    flat = np.array([token for sequence in text for token in sequence], dtype=np.int64)
    depth = np.concatenate([np.arange(len(sequence)) for sequence in text])  # tokens before it in its sequence
    empty = np.zeros(tokens, dtype=np.int64)
    counts = np.bincount(flat, minlength=tokens)
    first = _Grams(empty, empty, np.arange(tokens), counts, np.arange(tokens) == BEGIN, flat)
    grams = [first]
    for length in range(2, order + 1):
        shorter = grams[-1]
        places = np.flatnonzero(depth >= length - 1)
        keys = shorter.number[places - 1] * tokens + flat[places]
        unique, where, number, times = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        prefix, last = unique // tokens, unique % tokens
        at = np.full(len(flat), -1)
        at[places] = number
        grams.append(_Grams(prefix, shorter.number[places[where]], last, times, shorter.begins[prefix], at))
    return grams


def _estimate(text: Sequence[Sequence[int]], order: int, tokens: int) -> Automaton:
    """Return the automaton of the smoothed model of a text of numbers below `tokens`."""
    grams = _count(text, order, tokens)
    below = np.array([1.0 / tokens])  # all tokens, the end and one for the unknown; not the beginning
    state_of = [np.zeros(1, dtype=np.int64)]  # state of each n-gram as a context, by length; -1: it has none
    target_of = [np.zeros(1, dtype=np.int64)]  # its longest suffix that is one
    gammas, backoffs, arcs = [], [], []
    states = 1
    for length, level in enumerate(grams, 1):
        longer = grams[length] if length < order else None
        counts = level.counts if longer is None else _continuations(level, longer)
        if length == 1:
            counts = np.where(level.begins, 0, counts)
        discounts = _discounts(counts)
        taken = np.where(counts > 0, discounts[np.minimum(counts, 3)], 0.0)
        contexts = len(state_of[-1])
        whole = np.bincount(level.prefix, counts, minlength=contexts)
        gamma = np.bincount(level.prefix, taken, minlength=contexts) / np.maximum(whole, 1)
        probability = (counts - taken) / np.maximum(whole[level.prefix], 1) + gamma[level.prefix] * below[level.suffix]
        gammas.append(gamma[state_of[-1] >= 0])
        predicted = ~level.begins if length == 1 else np.ones(len(counts), dtype=bool)
        states, state, target = _place(level, longer, states, target_of[-1])
        arcs.append(
            (state_of[-1][level.prefix][predicted], level.last[predicted], target[predicted], probability[predicted])
        )
        backoffs.append(target_of[-1][level.suffix][state >= 0])
        state_of.append(state)
        target_of.append(target)
        if length == 1:
            unknown = np.log(gamma[0] * below[0])
        below = probability
    sources, symbols, targets, probabilities = (np.concatenate(parts) for parts in zip(*arcs, strict=True))
    backoff = np.concatenate([[0], *backoffs])
    with np.errstate(divide="ignore"):
        backoff_weights, weights = np.log(np.concatenate(gammas)), np.log(probabilities)
    start = int(target_of[1][BEGIN])
    return Automaton.of_arcs(sources, symbols, targets, weights, backoff, backoff_weights, unknown, start, END)


def _place(
    level: _Grams, longer: _Grams | None, states: int, shorter: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Assign numbers from `states` on to the n-grams that are contexts.

    Returns:
        How many states there are; the state of each n-gram; and where each n-gram leads: to its own state, else to that
        of its longest suffix that has one.
    """
    state = np.full(len(level.last), -1, dtype=np.int64)
    if longer is not None:
        contexts = np.unique(longer.prefix)
        state[contexts] = states + np.arange(len(contexts))
        states += len(contexts)
    return states, state, np.where(state >= 0, state, shorter[level.suffix])


def _continuations(level: _Grams, longer: _Grams) -> np.ndarray:
    """Return how many different tokens precede each n-gram; what begins a sequence keeps its count."""
    return np.where(level.begins, level.counts, np.bincount(longer.suffix, minlength=len(level.counts)))


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Return the discounts of counts 0, 1, 2, and 3 or more (Chen & Goodman 1998, equation 26)."""
    n = [int((counts == k).sum()) for k in range(5)]
    if all(n[1:]):
        y = n[1] / (n[1] + 2 * n[2])
        discounts = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        if all(0 < discount < k for k, discount in enumerate(discounts, 1)):
            return np.array([0.0, *discounts])
    return np.array([0.0, *FALLBACK])
