"""Arguments of estimators in Python: a list, or the object that a face's `read` returns."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, TypeVar

from keepgate.errors import InputError, quoted, reason

T = TypeVar("T")


def as_list(name: str, given: Any, what: str) -> list[Any]:
    """Return the values of a list, tuple, array or anything else that has a length and an order.

    Args:
        name: of the argument.
        given: the argument.
        what: its values, in words.

    Raises:
        InputError: it is a text, a mapping, a single number, or empty.
    """
    try:
        if isinstance(given, str | bytes | Mapping | Set) or not len(given):
            raise InputError(f"{name} is {quoted(given)}: give a list of {what}, at least one")
        return list(given)
    except InputError:
        raise
    except Exception as error:  # an object of any library may be given, whose own errors come through
        raise InputError(f"{name} is no list of {what}: {reason(error)}") from error


def as_pair(X: Any, y: Any, examples: str, targets: str) -> tuple[list[Any], list[Any] | None]:
    """Return examples and their targets as lists of one length; without targets, None.

    Args:
        X: the examples.
        y: their targets, or None.
        examples: what X holds, in words.
        targets: what y holds.

    Raises:
        InputError: they are no lists, or of two lengths.
    """
    X, y = as_list("X", X, examples), None if y is None else as_list("y", y, targets)
    if y is not None and len(y) != len(X):
        raise InputError(f"inconsistent numbers of samples: {len(X)} {examples} in X, {len(y)} {targets} in y")
    return X, y


def of_kind(given: Any, kind: type[T]) -> T:
    """Return what a face's `read` returned for a file.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(given, kind):
        raise InputError(f"the data are a {type(given).__name__}: give the {kind.__name__} that `read` makes of a file")
    return given
