"""Language models for decoding CTC outputs: a model of symbols, or a word list and a model of words.

NumPy only. `symbols` are the texts of a network's C symbols by number; that of the blank is the empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from keepgate.errors import InputError, quoted
from keepgate.objectives.automaton import NONE, Automaton
from keepgate.objectives.ngram import NGram

__all__ = ["Language", "symbol_language", "word_language"]


@dataclass(frozen=True)
class Language:
    """A language model for `beam_search`; made by `symbol_language` or `word_language`.

    Attributes:
        letters: of symbols, or None.
        trie: of the spellings of words, or None; `word_of` [states] is the word that each state spells, or -1.
        separator: symbol between words, -1: an utterance is one word.
        unknown_word: number of all words that the trie lacks, -1: there are no others.
        words: of numbers of words, or None.
    """

    letters: Automaton | None = None
    trie: Automaton | None = None
    word_of: np.ndarray | None = None
    separator: int = -1
    unknown_word: int = -1
    words: Automaton | None = None

    @cached_property
    def rows(self) -> tuple[Any, Any, Any]:
        """The arguments of the native core: letters, lexicon, words."""
        letters, trie, words = (NONE if a is None else a.row for a in (self.letters, self.trie, self.words))
        word_of = 0 if self.word_of is None else self.word_of.ctypes.data
        return letters, (trie, word_of, self.separator, self.unknown_word), words


def symbol_language(model: NGram, symbols: Sequence[str]) -> Language:
    """Return what a model of symbols (such as characters) knows.

    Raises:
        InputError: the model knows none of the symbols.
    """
    if not set(model.vocabulary) & set(symbols):
        raise InputError("the language model knows none of the network's symbols; train it on lists of such symbols")
    return Language(letters=model.renumbered(symbols))


def word_language(
    words: Iterable[str],
    symbols: Sequence[str],
    *,
    model: NGram | None = None,
    separator: str | None = " ",
    others: bool = False,
) -> Language:
    """Return what a word list knows, and a model of words if there is one.

    Args:
        words: spelled with `symbols` of one character each.
        symbols: texts of the network's symbols, by number.
        model: over words.
        separator: the symbol between words; None: an utterance is one word, or nothing.
        others: whether words that are not in the list may come, with what `model` gives to the unknown.

    Raises:
        InputError: the list is empty, or a word or the separator is not made of the symbols.
    """
    listed = sorted(set(words) - {""})
    if not listed:
        raise InputError("the word list is empty; give at least one word")
    numbers = {symbol: number for number, symbol in enumerate(symbols) if symbol}
    if separator is not None and separator not in numbers:
        raise InputError(
            f"the separator {quoted(separator)} is none of the network's symbols; separator=None is for single words"
        )
    trie, word_of = _trie(listed, {symbol: n for symbol, n in numbers.items() if symbol != separator})
    return Language(
        trie=trie,
        word_of=word_of,
        separator=-1 if separator is None else numbers[separator],
        unknown_word=len(listed) + 1 if others else -1,
        words=None if model is None else model.renumbered(listed),
    )


def _trie(words: Sequence[str], numbers: dict[str, int]) -> tuple[Automaton, np.ndarray]:
    """Return the tree of spellings, and the word that each state spells, -1 for none."""
    states: dict[tuple[int, int], int] = {}
    ends: dict[int, int] = {}
    for number, word in enumerate(words):
        state = 0
        for letter in word:
            if letter not in numbers:
                raise InputError(
                    f"the word {quoted(word)} has {quoted(letter)}, which is none of the network's symbols within words"
                )
            state = states.setdefault((state, numbers[letter]), len(states) + 1)
        ends[state] = number
    count = len(states) + 1
    arcs = np.array(list(states), dtype=np.int64).reshape(-1, 2)
    word_of = np.full(count, -1, dtype=np.int32)
    word_of[list(ends)] = list(ends.values())
    zero = np.zeros(len(states))
    # No backing off: what a state lacks is impossible there.
    trie = Automaton.of_arcs(
        arcs[:, 0], arcs[:, 1], np.array(list(states.values())), zero, np.zeros(count), np.full(count, -np.inf), -np.inf
    )
    return trie, word_of
