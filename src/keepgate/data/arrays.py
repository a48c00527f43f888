"""Sequences given as arrays in Python: checked and brought to one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, listed, reason

__all__ = ["LARGEST", "as_sequences", "numbers_of", "of_channels", "runs"]

LARGEST = 1e100  # magnitude of a value: its square, and sums of squares, are numbers still


class ArrayTypeError(InputError, TypeError):
    """Something of a kind that is no array, such as a sparse matrix: scikit-learn raises TypeError for these."""


def as_sequences(X: Any, channels: int | None = None, *, gaps: bool = False) -> list[np.ndarray]:
    """Return N float64 arrays [T_i, C] from one array or a list of N arrays.

    Args:
        X: [N, T, C], or [N, T] for one channel (an array, or a data frame with one row for each series); or a list of N
            arrays [T_i, C], or [T_i] for one channel; or `Sequences`.
        channels: the C that is expected; by default that of X[0].
        gaps: let values be missing; they are NaN.

    Raises:
        InputError: there is no sequence or no step, a value is infinite or no number, or NaN without `gaps`, or C is
            another; where the axes seem to be [C, T], the message says how to turn them.
        ArrayTypeError: X is a sparse matrix.
    """
    if isinstance(X, Sequences):
        X = X.values
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = X.tolist()
    if isinstance(X, (str, bytes)) or X is None or (isinstance(X, Mapping) and not hasattr(X, "shape")):
        raise InputError(f"X is a {type(X).__name__} where sequences are expected: an array or a list of arrays")
    values = [_one(i, item, gaps) for i, item in enumerate(X)] if isinstance(X, (list, tuple)) else _block(X, gaps)
    if not values:
        raise InputError("X has no sequence (0 samples)")
    expected = values[0].shape[1] if channels is None else channels
    for i, value in enumerate(values):
        if value.shape[1] != expected:
            message = f"X[{i}] has {value.shape[1]} channels where {expected} are expected"
            raise InputError(message + _turned(values, channels))
    return values


def _turned(values: Sequence[np.ndarray], channels: int | None) -> str:
    """Return the remedy for sequences that are all [C, T] where [T, C] is expected, or nothing."""
    first = {value.shape[0] for value in values}
    if len(first) > 1 or first == {1} or channels not in (None, *first):
        return ""
    return (
        f"; all have {first.pop()} in their first axis: if these are the channels, as aeon and sktime have them, give "
        "[x.T for x in X]"
    )


def of_channels(X: Any, count: int, names: Sequence[str] | None, *, gaps: bool = False) -> list[np.ndarray]:
    """Return sequences [T_i, count] of further data, their channels in the order in which a model was trained on them.

    Args:
        X: the sequences, as `as_sequences` takes them.
        count: C.
        names: of the channels that the model was trained on, if they had names.
        gaps: see `as_sequences`.

    Raises:
        InputError: as `as_sequences`, and for `Sequences` with other channels.
    """
    if not isinstance(X, Sequences) or names is None or list(X.channels) == names:
        return as_sequences(X, count, gaps=gaps)
    if sorted(X.channels) != sorted(names):
        raise InputError(
            f"the data have {len(X.channels)} channels ({listed(X.channels)}); the model was trained on "
            f"{len(names)} ({listed(names)})"
        )
    order = [list(X.channels).index(name) for name in names]
    return [value[:, order] for value in X.values]


def _block(X: Any, gaps: bool) -> list[np.ndarray]:
    from sklearn.utils import check_array

    try:
        finite: Any = "allow-nan" if gaps else True
        block = check_array(X, allow_nd=True, dtype="float64", input_name="X", ensure_all_finite=finite)
    except TypeError as error:
        raise ArrayTypeError(f"X is no array of numbers: {reason(error)}") from error
    except Exception as error:  # X may be an object of any library, whose own errors come through
        raise InputError(reason(error)) from error
    if block.ndim > 3:
        raise InputError(f"X has the shape {block.shape} where [N, T, C] is expected")
    if block.ndim == 3 and 0 in block.shape[1:]:
        raise InputError(f"X has the shape {block.shape}: sequences without a step or a channel")
    sequences = list(block[..., None] if block.ndim == 2 else block)
    for i, sequence in enumerate(sequences):
        _check_size(i, sequence)
    return sequences


def _one(i: int, item: Any, gaps: bool) -> np.ndarray:
    try:
        array = numbers_of(item)
    except Exception as error:  # as in `_block`
        raise InputError(f"X[{i}] is no array [T, C] of numbers: {reason(error)}") from error
    if array.ndim not in (1, 2):
        raise InputError(f"X[{i}] has the shape {array.shape} where [T, C] is expected")
    if 0 in array.shape:
        raise InputError(f"X[{i}] has the shape {array.shape}: no step or no channel")
    wrong = np.isinf(array) if gaps else ~np.isfinite(array)
    if wrong.any():
        step = np.argwhere(wrong)[0][0]
        what, remedy = ("", "give a number") if gaps else ("NaN or ", "fill the gaps first")
        raise InputError(f"X[{i}] has {what}an infinite value (inf) at step {step}; {remedy}")
    _check_size(i, array)
    return array[:, None] if array.ndim == 1 else array


def numbers_of(values: Any) -> np.ndarray:
    """Return an array of float64.

    Raises:
        ValueError, TypeError, OverflowError: the values are no real numbers; complex numbers and times are none.
    """
    array = np.asarray(values)
    if np.iscomplexobj(array):
        raise ValueError("Complex data not supported")
    if array.dtype.kind in "mM":
        raise ValueError(f"{array.dtype} is no number")
    return array.astype(np.float64)


def _check_size(i: int, array: np.ndarray) -> None:
    beyond = np.abs(array) > LARGEST
    if beyond.any():
        step = np.argwhere(beyond)[0][0]
        raise InputError(f"X[{i}] has a value beyond {LARGEST:g} at step {step}; give it in another unit")


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return the begin and end (exclusive) of each stretch of a mask [T] that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
