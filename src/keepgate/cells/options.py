"""Checks of the numbers that cells take as options."""

from __future__ import annotations

import math

from keepgate.errors import InputError, quoted

__all__ = ["finite", "layers", "positive", "share"]

MOST = 100  # repetitions of a part of a step


def finite(name: str, value: object) -> float:
    """Return a finite number.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} is a finite number; got {quoted(value)}")
    return float(value)


def positive(name: str, value: object) -> float:
    """Return a finite number above 0.

    Raises:
        InputError: it is none.
    """
    if (number := finite(name, value)) <= 0:
        raise InputError(f"{name} is above 0; got {quoted(value)}")
    return number


def share(name: str, value: object) -> float:
    """Return a number from 0 to 1.

    Raises:
        InputError: it is none.
    """
    if not 0 <= (number := finite(name, value)) <= 1:
        raise InputError(f"{name} is from 0 to 1; got {quoted(value)}")
    return number


def layers(name: str, value: object) -> int:
    """Return a whole number from 1 to 100.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise InputError(f"{name} is a whole number from 1 to {MOST}; got {quoted(value)}")
    return value
