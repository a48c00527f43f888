"""What each class counts, and each example by itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.errors import InputError, listed, quoted, reason

__all__ = ["BALANCED", "check_class_weight", "class_weights", "example_weights", "from_text", "to_text"]

BALANCED = "balanced"
MOST = 1e12  # a weight
Weights = str | Mapping[Any, float] | None


def check_class_weight(name: str, value: Any) -> None:
    """Check the parameter `class_weight`.

    Raises:
        InputError: it is none of None, "balanced", a mapping of classes to weights, and a text that names some.
    """
    if value is None or value == BALANCED:
        return
    weights = value if isinstance(value, Mapping) else from_text(name, value)
    if not weights:
        raise InputError(f"{name}={quoted(value)} names no class")
    for label, weight in weights.items():
        schema.number(0, MOST)(f"{name}[{quoted(label)}]", weight)


def from_text(name: str, text: Any) -> dict[str, float]:
    """Return the weights of classes from a text such as `rare=5 'not so rare'=2`.

    Raises:
        InputError: it is no such text.
    """
    schema.text()(name, text)
    try:
        pairs = [part.rpartition("=") for part in shlex.split(text)]
        if not all(mark for _, mark, _ in pairs):
            raise ValueError("a class has no =WEIGHT")
        return {label: float(weight) for label, _, weight in pairs}
    except ValueError as error:
        raise InputError(
            f'{name}={quoted(text)} is neither {BALANCED} nor weights of classes, as in "rare=5 often=1": '
            f"{reason(error)}"
        ) from error


def to_text(weights: Weights) -> str | None:
    """Return weights as a model file keeps them: None, "balanced", or a text that `from_text` reads."""
    if not isinstance(weights, Mapping):
        return weights
    return " ".join(shlex.quote(f"{label}={weight!r}") for label, weight in weights.items())


def class_weights(weights: Weights, classes: np.ndarray, counts: np.ndarray, what: str = "classes of y") -> np.ndarray:
    """Return the weight of each class, [K].

    Args:
        weights: None: 1; "balanced": N / (K times how often it is); else by name, and 1 where none is named.
        classes: [K].
        counts: how often each is, [K].
        what: they are called in messages.

    Raises:
        InputError: a class is named that there is not.
    """
    if weights is None:
        return np.ones(len(classes))
    if weights == BALANCED:
        return counts.sum() / (len(classes) * counts)
    named = weights if isinstance(weights, Mapping) else from_text("class_weight", weights)
    found = {str(label): weight for label, weight in named.items()}
    known = [str(label) for label in classes.tolist()]
    for label in found:
        if label not in known:
            raise InputError(f"class_weight names the class {quoted(label)}; the {what} are {listed(known)}")
    return np.array([float(found.get(label, 1.0)) for label in known])


def example_weights(sample_weight: Any, count: int) -> np.ndarray:
    """Return the weight of each example by itself, [N].

    Raises:
        InputError: there is not one weight from 0 on for each of `count` sequences, or all are 0.
    """
    if sample_weight is None:
        return np.ones(count)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"sample_weight holds what is no number: {reason(error)}") from error
    if weights.ndim == 0:
        weights = np.full(count, float(weights))
    if weights.shape != (count,):
        raise InputError(
            f"sample_weight has the shape {weights.shape} where one weight for each of {count} is expected"
        )
    wrong = np.flatnonzero(~((weights >= 0) & (weights <= MOST)))
    if len(wrong):
        raise InputError(f"sample_weight[{wrong[0]}] is {weights[wrong[0]]}: give a number from 0 to {MOST:g}")
    if not weights.any():
        raise InputError("sample_weight is zero for all sequences: nothing is left to learn from")
    return weights
