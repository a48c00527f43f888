"""Schemas of plain data: checks that compose, each of which names the place that is wrong.

    FITTED = record(window=whole(2, 10_000_000), covariates=several(text()))
    FITTED("fitted", {"window": 0, "covariates": []})       # InputError: fitted.window=0 is not at least 2

A check is called with the name of a value and the value; it returns nothing, or raises an `InputError` of one sentence.
NumPy's numbers count as Python's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np

from keepgate.errors import InputError, listed, quoted

__all__ = [
    "Check",
    "at_most",
    "boolean",
    "choice",
    "items",
    "number",
    "one_of",
    "optional",
    "record",
    "several",
    "table",
    "text",
    "whole",
]

Check = Callable[[str, Any], None]

LARGEST = sys.float_info.max
LONGEST_TEXT = 4096  # characters
MOST_ITEMS = 2**24
SURROGATE = re.compile("[\ud800-\udfff]")  # half a pair, which no file of text can hold


def whole(least: int, most: int) -> Check:
    """Return a check for an integer from `least` to `most`."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (int, np.integer), "int")
        at_most(name, value, least, most)

    return check


def number(least: float = -LARGEST, most: float = LARGEST) -> Check:
    """Return a check for a finite number from `least` to `most`."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (float, int, np.floating, np.integer), "float")
        if value != value or value in (np.inf, -np.inf):
            raise InputError(f"{name}={quoted(value)} is no finite number")
        at_most(name, value, least, most)

    return check


def at_most(name: str, value: Any, least: float, most: float) -> None:
    """Refuse a number out of bounds.

    Raises:
        InputError: it is below `least` or above `most`.
    """
    if value < least:
        raise InputError(f"{name}={quoted(value)} is not at least {_written(least)}")
    if value > most:
        raise InputError(f"{name}={quoted(value)} is not at most {_written(most)}")


def _written(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def boolean(name: str, value: Any) -> None:
    """Refuse a value that is not True or False.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}={quoted(value)} is not of type bool")


def text(longest: int = LONGEST_TEXT, least: int = 0) -> Check:
    """Return a check for a str of `least` to `longest` characters that UTF-8 can encode."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (str,), "str")
        if not least <= len(value) <= longest:
            raise InputError(f"{name}={quoted(value)} has {len(value):,} characters, not {least} to {longest:,}")
        if SURROGATE.search(value):
            raise InputError(f"{name}={quoted(value)} has half a surrogate pair: it is no Unicode")

    return check


def choice(values: Iterable[Any]) -> Check:
    """Return a check for one of a few values, of their type."""
    known = tuple(values)

    def check(name: str, value: Any) -> None:
        if not any(isinstance(value, type(one)) and value == one for one in known):
            raise InputError(f"{name}={quoted(value)} is none of {', '.join(map(str, known))}")

    return check


def one_of(values: Container[Any], what: str) -> Check:
    """Return a check for a text among many, which the message calls `what`."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in values:
            raise InputError(f"{name}={quoted(value)} is none of {what}")

    return check


def optional(inner: Check) -> Check:
    """Return a check for None, or what another check accepts."""
    return lambda name, value: None if value is None else inner(name, value)


def several(inner: Check, least: int = 0, most: int = MOST_ITEMS, distinct: bool = False) -> Check:
    """Return a check for a list (or tuple) of `least` to `most` values that each pass."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (list, tuple), "list")
        at_most(f"the number of values of {name}", len(value), least, most)
        for i, item in enumerate(value):
            inner(f"{name}[{i}]", item)
        if distinct and len(set(value)) < len(value):
            raise InputError(f"{name} has a value twice")

    return check


def items(*inner: Check) -> Check:
    """Return a check for a list of as many values as there are checks, each with its own."""

    def check(name: str, value: Any) -> None:
        several(lambda name, value: None, len(inner), len(inner))(name, value)
        for i, (one, item) in enumerate(zip(inner, value, strict=True)):
            one(f"{name}[{i}]", item)

    return check


def table(inner: Check) -> Check:
    """Return a check for a dict from texts to values that each pass."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (dict,), "dict")
        for key, item in value.items():
            text()(f"a key of {name}", key)
            inner(f"{name}[{quoted(key)}]", item)

    return check


def record(**inner: Check) -> Check:
    """Return a check for a dict of exactly these keys, each with a check of its own."""

    def check(name: str, value: Any) -> None:
        _is_a(name, value, (dict,), "dict")
        if missing := [key for key in inner if key not in value]:
            raise InputError(f"{name or 'the data'} lacks {listed(missing)}")
        if unknown := [key for key in value if key not in inner]:
            raise InputError(f"{name or 'the data'} has {listed(unknown)}, which is nothing known")
        for key, one in inner.items():
            one(f"{name}.{key}" if name else key, value[key])

    return check


def _is_a(name: str, value: Any, kinds: tuple[type, ...], what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise InputError(f"{name}={quoted(value)} is not of type {what}")
