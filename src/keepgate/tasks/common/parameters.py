"""Parameters as dataclass fields: each with its help text and its legal values, for Python and the command line."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypedDict, TypeVar, dataclass_transform

from keepgate import schema
from keepgate.errors import InputError, quoted

T = TypeVar("T")
MOST_VALUES = 10_000  # of a tuple
WIDTH = 100  # columns of a docstring that is put together


class Bounds(TypedDict):
    """The least and the most that a number may be."""

    minimum: float
    maximum: float


# Bounds of parameters that several tasks have. The upper ones are above what anybody uses, and below what hangs.
SIZE: Bounds = {"minimum": 1, "maximum": 65_536}  # units, values of an embedding
LAYERS: Bounds = {"minimum": 1, "maximum": 1_000}
STEPS: Bounds = {"minimum": 1, "maximum": 1_000_000}
EPOCHS: Bounds = {"minimum": 1, "maximum": 10_000_000}
EXAMPLES: Bounds = {"minimum": 1, "maximum": 2**24}
SHARE: Bounds = {"minimum": 0, "maximum": 1}
STRENGTH: Bounds = {"minimum": 0, "maximum": 1e6}
NORM: Bounds = {"minimum": 0, "maximum": 1e30}
SECONDS: Bounds = {"minimum": 0, "maximum": 86_400}  # within a recording


def param(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Return a parameter: a dataclass field that carries its help text and its legal values.

    Its type is the field's annotation: int, float, str, bool, a tuple of one of them, or these `| None`.

    Args:
        default: its default value.
        help: its help text.
        choices: the values it may have, if there are few.
        minimum: the least value; a number needs both bounds.
        maximum: the greatest value.
    """
    limits = {"choices": choices, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={"help": help, **limits})


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(param, field))
def estimator(cls: type[T]) -> type[T]:
    """Make a class with `param` fields an estimator: a dataclass whose docstring lists all its parameters."""
    made: Any = dataclass(eq=False, repr=False, kw_only=True)(cls)
    lines = [_documented(f) for f in dataclasses.fields(made) if "help" in f.metadata]
    made.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Args:", *lines, ""])
    return made


def default_text(value: Any) -> str:
    """Return the default value of a parameter as help texts show it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else "none" if value is None else str(value)


def _documented(parameter: dataclasses.Field[Any]) -> str:
    text = f"{parameter.name}: {parameter.metadata['help']} (default: {parameter.default!r})."
    return textwrap.fill(text, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as they were before JSON made lists of their tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@cache
def parameters(cls: type) -> tuple[tuple[str, Any, dict[str, Any]], ...]:
    """Return name, type and `param` metadata (with "default") of each field of a dataclass of `param` fields."""
    hints = typing.get_type_hints(cls)
    return tuple(
        (f.name, hints[f.name], {**f.metadata, "default": f.default})
        for f in dataclasses.fields(cls)
        if "help" in f.metadata
    )


def split_optional(kind: Any) -> tuple[Any, bool]:
    """Return `(T, True)` for the type `T | None`, else `(T, False)`."""
    if isinstance(kind, types.UnionType):
        (inner,) = (t for t in typing.get_args(kind) if t is not types.NoneType)
        return inner, True
    return kind, False


@cache
def checks(cls: type) -> dict[str, schema.Check]:
    """Return the check of each parameter of a dataclass, by name."""
    return {name: _check(kind, meta) for name, kind, meta in parameters(cls)}


def check_parameters(given: Any) -> None:
    """Check that each parameter of a dataclass object has the type and a value of its `param` field.

    Raises:
        InputError: one has not; the message names it.
    """
    for name, check in checks(type(given)).items():
        check(name, getattr(given, name))


def _check(kind: Any, meta: dict[str, Any]) -> schema.Check:
    kind, optional = split_optional(kind)
    if optional:
        return schema.optional(_check(kind, meta))
    if typing.get_origin(kind) is tuple:
        return _several(_check(typing.get_args(kind)[0], meta))
    if meta["choices"] is not None:
        return schema.choice(meta["choices"])
    if kind is bool:
        return schema.boolean
    if kind is str:
        return schema.text()
    return {int: schema.whole, float: schema.number}[kind](meta["minimum"], meta["maximum"])


def _several(inner: schema.Check) -> schema.Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, (tuple, list)):
            raise InputError(f"{name}={quoted(value)} is no tuple of values")
        schema.at_most(f"the number of values of {name}", len(value), 0, MOST_VALUES)
        for item in value:
            inner(name, item)

    return check
