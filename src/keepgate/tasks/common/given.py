"""What is given to an estimator in Python: as a list, or as the object that its `read` makes."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, TypeVar

from keepgate.errors import InputError, quoted, reason

T = TypeVar("T")


def as_list(name: str, given: Any, what: str) -> list[Any]:
    """The values of a list, tuple, array or anything else that has a length and an order.

    Raises InputError that says what is expected, for a text, a mapping, a single number, or nothing at all.
    """
    try:
        if isinstance(given, str | bytes | Mapping | Set) or not len(given):
            raise InputError(f"{name} is {quoted(given)}: give a list of {what}, at least one")
        return list(given)
    except InputError:
        raise
    except Exception as error:  # an object of any library may be given, whose own errors come through
        raise InputError(f"{name} is no list of {what}: {reason(error)}") from error


def of_kind(given: Any, kind: type[T]) -> T:
    """What `read` makes of a file; InputError for anything else."""
    if not isinstance(given, kind):
        raise InputError(f"the data are a {type(given).__name__}: give the {kind.__name__} that `read` makes of a file")
    return given
