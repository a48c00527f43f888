"""How sure a transcript is of its symbols and words: by the other readings that its scores allow.

The probability of a symbol at its step says little: that of a network trained by CTC is near 1 even where it errs. Here
the readings that a beam search finds share the probability, and a symbol or word is as sure as the readings in which
it stands at its place (Mangu, Brill & Stolcke 2000, "Finding consensus in speech recognition"). The scores are first
divided by a temperature that held-out utterances choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from keepgate.objectives import beam_search

__all__ = ["Sureness", "right_words", "sureness", "temperature"]

BEAM, READINGS = 24, 16  # followed, and kept
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
DOUBT = 1e-4  # the least probability of either outcome, so that a single surprise does not decide


class Sureness(NamedTuple):
    """Probabilities, as far as the readings tell.

    Attributes:
        symbols: that each symbol is right, [S].
        words: that each word is, all of it, [W].
    """

    symbols: np.ndarray
    words: np.ndarray


def sureness(
    scores: np.ndarray, path: Sequence[int], words: Sequence[tuple[int, int]] | None, temperature: float
) -> Sureness:
    """Return how sure the symbols and words of a path are.

    Args:
        scores: log-probabilities [T, K + 1] of the blank and the symbols.
        path: numbers of the symbols, from 1.
        words: where each begins and ends in the path; None: every symbol is a word.
        temperature: that divides the scores.
    """
    cooled = scores.astype(np.float64) / temperature
    cooled -= np.logaddexp.reduce(cooled, axis=1, keepdims=True)
    found = beam_search(cooled[:, None], beam=BEAM, best=READINGS)[0]
    weights = np.exp([one.log_prob for one in found] - np.max([one.log_prob for one in found]))
    weights /= weights.sum()
    symbols, whole = np.zeros(len(path)), np.zeros(len(words or ()))
    for weight, reading in zip(weights, found, strict=True):
        same, broken = _agreement(path, reading.symbols)
        symbols += weight * same
        whole += weight * np.array([same[a:b].all() and not broken[a : b + 1].any() for a, b in words or ()], float)
    symbols, whole = np.minimum(symbols, 1), np.minimum(whole, 1)  # past 1 by rounding
    return Sureness(symbols, symbols if words is None else whole)


def _agreement(path: Sequence[int], reading: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return which symbols of a path a reading has too, [S], and before which it has others or more, [S + 1].

    A word ends before one of them: where its space has gone, or has become a letter, the words beside it are others.
    """
    same, broken = np.ones(len(path), bool), np.zeros(len(path) + 1, bool)
    for edit in Levenshtein.opcodes(path, reading):
        if edit.tag != "equal":
            same[edit.src_start : edit.src_end] = False
            broken[[edit.src_start, edit.src_end]] = True
    return same, broken


def right_words(words: Sequence[str], truth: Sequence[str]) -> np.ndarray:
    """Return which words of a text are right, [W]: those that the fewest edits of words leave as they are."""
    right = np.zeros(len(words), bool)
    for edit in Levenshtein.opcodes(words, truth):
        if edit.tag == "equal":
            right[edit.src_start : edit.src_end] = True
    return right


def temperature(answers: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]) -> float:
    """Return the temperature at which words are as sure as they are right: that of the least negative log-likelihood.

    Args:
        answers: for each of `TEMPERATURES`, of each utterance, how sure its words are, and whether they are right.
    """
    losses = []
    for of_temperature in answers:
        sure, right = (np.concatenate(parts) for parts in zip(*of_temperature, strict=True))
        sure = np.clip(sure, DOUBT, 1 - DOUBT)
        losses.append(float(-np.where(right, np.log(sure), np.log(1 - sure)).mean()))
    return TEMPERATURES[int(np.argmin(losses))]
