"""Sequences given as arrays in Python: checked and brought to one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError


def as_sequences(X: Any, channels: int | None = None) -> list[np.ndarray]:
    """N float64 arrays [T_i, C] from one array or a list of N arrays.

    X: [N, T, C], or [N, T] for one channel (an array, or a data frame with one row for each series); or a list of N
    arrays [T_i, C], or [T_i] for one channel; or `Sequences`. channels: the C that is expected, else that of X[0].

    Raises InputError for no sequence, no step, NaN or infinite values, what is no number, or another C; TypeError for
    sparse matrices.
    """
    if isinstance(X, Sequences):
        X = X.values
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = X.tolist()
    values = [_one(i, item) for i, item in enumerate(X)] if isinstance(X, (list, tuple)) else _block(X)
    if not values:
        raise InputError("X has no sequence (0 samples)")
    expected = values[0].shape[1] if channels is None else channels
    for i, value in enumerate(values):
        if value.shape[1] != expected:
            raise InputError(f"X[{i}] has {value.shape[1]} channels where {expected} are expected")
    return values


def of_channels(X: Any, count: int, names: Sequence[str] | None) -> list[np.ndarray]:
    """Sequences [T_i, count] of further data, their channels in the order of `names`, which were fitted to.

    Raises InputError as `as_sequences` does, and for `Sequences` with other channels.
    """
    if not isinstance(X, Sequences) or names is None or list(X.channels) == names:
        return as_sequences(X, count)
    if sorted(X.channels) != sorted(names):
        raise InputError(
            f"the data have {len(X.channels)} channels ({', '.join(X.channels)}); the model was fitted to "
            f"{len(names)} ({', '.join(names)})"
        )
    order = [list(X.channels).index(name) for name in names]
    return [value[:, order] for value in X.values]


def _block(X: Any) -> list[np.ndarray]:
    from sklearn.utils import check_array

    try:
        block = check_array(X, allow_nd=True, dtype="float64", input_name="X")
    except ValueError as error:
        raise InputError(str(error)) from error
    if block.ndim > 3:
        raise InputError(f"X has the shape {block.shape} where [N, T, C] is expected")
    if block.ndim == 3 and 0 in block.shape[1:]:
        raise InputError(f"X has the shape {block.shape}: sequences without a step or a channel")
    return list(block[..., None] if block.ndim == 2 else block)


def _one(i: int, item: Any) -> np.ndarray:
    try:
        array = np.asarray(item)
        if np.iscomplexobj(array):
            raise InputError(f"X[{i}]: Complex data not supported")
        array = array.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"X[{i}] is no array [T, C] of numbers: {error}") from error
    if array.ndim not in (1, 2):
        raise InputError(f"X[{i}] has the shape {array.shape} where [T, C] is expected")
    if 0 in array.shape:
        raise InputError(f"X[{i}] has the shape {array.shape}: no step or no channel")
    if not np.isfinite(array).all():
        step = np.argwhere(~np.isfinite(array))[0][0]
        raise InputError(f"X[{i}] has NaN or an infinite value (inf) at step {step}; fill the gaps first")
    return array[:, None] if array.ndim == 1 else array


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each stretch of a mask [T] that holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
