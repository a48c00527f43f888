"""Answers about each example by a network that has not learned it: those of cross-validation's folds, together.

Where there are too few examples to hold a part out, these are what probabilities are calibrated by (van der Laan et al.
2007 call answers of this kind cross-validated predictions).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from keepgate.tasks.common.fitting import share_held_out

__all__ = ["crossed", "folds", "parts_for", "taken"]

ENOUGH = 100  # examples, or groups of them, that calibrate well enough when they are held out
FOLDS = 3  # where that many are not
EACH = ("ids", "values", "texts", "labels", "times", "groups")  # what files hold of each example


def parts_for(
    model: Any, count: int, classes: Sequence[Hashable] | None = None, groups: Sequence[Hashable] | None = None
) -> list[np.ndarray]:
    """Return the parts of the examples that are held out in turn to calibrate a model; none where another part does.

    Args:
        model: to be fitted, an estimator with the parameter `folds`.
        count: of examples.
        classes: of each, of which two or more have to be left; None: there are none.
        groups: of each.
    """
    wanted = model.folds
    if wanted is None:
        units = count if groups is None else len(set(groups))
        few = share_held_out(None, count) * units < ENOUGH
        wanted = FOLDS if few and model.hold_out is None and model.minutes is None else 0
    if wanted < 2 or not model.calibrating:
        return []
    parts = folds([0] * count if classes is None else classes, int(wanted), int(model.seed), groups)
    if classes is None:
        return parts
    return [part for part in parts if len({classes[i] for i in np.setdiff1d(np.arange(count), part)}) > 1]


def crossed(
    model: Any,
    parts: Sequence[np.ndarray],
    count: int,
    learn: Callable[[Any, np.ndarray, Path | None], object],
    ask: Callable[[Any, np.ndarray], np.ndarray],
    run: str | Path | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what models say of the parts that each has not learned, and which examples that is about.

    Args:
        model: whose like the models are, but that they are not calibrated.
        parts: of `parts_for`.
        count: of examples.
        learn: fits a model to examples with these indices, in a folder.
        ask: returns the answers about the examples with these indices.
        run: folder of the run of `model`, or None.
    """
    answers = []
    for k, part in enumerate(parts):
        one: Any = clone(model)
        one.calibrating = False
        learn(one, np.setdiff1d(np.arange(count), part), None if run is None else Path(run) / f"fold-{k + 1}")
        answers.append(ask(one, part))
    return np.concatenate(answers), np.concatenate(parts)


def taken(data: Any, rows: np.ndarray) -> Any:
    """Return some examples of a list, or of `Sequences` or `LabelledTexts` with all that belongs to them."""
    if isinstance(data, list):
        return [data[i] for i in rows]
    held = {name: value for name in EACH if (value := getattr(data, name, None)) is not None}
    some: dict[str, Any] = {
        name: value[rows] if isinstance(value, np.ndarray) else [value[i] for i in rows] for name, value in held.items()
    }
    return replace(data, **some)


def folds(
    classes: Sequence[Hashable], count: int, seed: int, groups: Sequence[Hashable] | None = None
) -> list[np.ndarray]:
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
