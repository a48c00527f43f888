"""The numbers that a regressor learns to predict, as they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from keepgate.data.arrays import LARGEST
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, quoted, reason

__all__ = ["as_targets", "targets_of"]


def targets_of(X: Any, y: Any) -> Any:
    """Return y, or where it is None the labels that X carries.

    Raises:
        InputError: a label that X carries is no number.
    """
    if y is not None or not isinstance(X, Sequences) or X.labels is None:
        return y
    try:
        return np.asarray(X.labels, np.float64)
    except ValueError:
        pairs = ((name, label) for name, row in zip(X.ids, X.labels, strict=True) for label in np.atleast_1d(row))
        series, label = next(pair for pair in pairs if not _is_number(pair[1]))
        raise InputError(
            f"the label of series {quoted(series)} is {quoted(label)}, and no number; `classify` predicts classes"
        ) from None


def as_targets(y: Any, count: int) -> np.ndarray:
    """Return numbers as an array [N] or [N, K], float64.

    Raises:
        InputError: there is not a number, or K of them, for each of `count` sequences.
    """
    if y is None:
        raise InputError("fitting requires y to be passed, but the target y is None")
    try:
        targets = check_array(y, ensure_2d=False, dtype="float64", input_name="y")
    except (ValueError, TypeError) as error:
        raise InputError(reason(error)) from error
    if len(targets) != count:
        raise InputError(f"inconsistent numbers of samples: {count} sequences in X, {len(targets)} targets in y")
    if np.abs(targets).max() > LARGEST:
        raise InputError(f"y has a value beyond {LARGEST:g}; give it in another unit")
    return targets


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
