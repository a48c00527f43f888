"""Answers about each example by a network that has not learned it: those of cross-validation's folds, together.

Where there are too few examples to hold a part out, these are what probabilities are calibrated by (van der Laan et al.
2007 call answers of this kind cross-validated predictions).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

__all__ = ["folds", "held_out_answers"]

LEAST = 1e-12  # probability of a class that a fold's network does not know


def folds(classes: Sequence[Hashable], count: int, seed: int, groups: Sequence[Hashable] | None = None) -> list[Any]:
    """Return parts of the examples, each the indices to hold out together.

    A class with one example is in no part, for the rest would lack it.

    Args:
        classes: of each example; every part has as many of each.
        count: of parts, at least 2.
        seed: of the draw.
        groups: of each example; a whole group is in one part.
    """
    random, names = np.random.default_rng([seed, count]), list(classes)
    kinds = np.array([names.index(name) for name in names])
    part = np.empty(len(kinds), np.int64)
    if groups is not None:
        known = list(dict.fromkeys(groups))
        turn = dict(zip(known, random.permutation(len(known)) % count, strict=True))
        part[:] = [turn[group] for group in groups]
    else:
        order = np.lexsort((random.random(len(kinds)), kinds))
        part[order] = np.arange(len(kinds)) % count
    single = np.bincount(kinds)[kinds] < 2
    return [found for k in range(count) if len(found := np.flatnonzero((part == k) & ~single))]


def held_out_answers(
    parts: Sequence[np.ndarray], count: int, ask: Callable[[int, np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of probabilities of classes, and which examples they are about.

    Args:
        parts: of `folds`.
        count: of examples.
        ask: given the number of a part, what to learn from and what to answer, indices of examples, returns
            probabilities [N, K].
    """
    asked = np.concatenate(parts)
    found = [ask(k, np.setdiff1d(np.arange(count), part), part) for k, part in enumerate(parts)]
    return np.log(np.maximum(np.concatenate(found), LEAST)), asked
