"""Parameters as dataclass fields: each with its help text and its legal values, for Python and the command line."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from keepgate.errors import InputError


def param(
    default: Any,
    help: str,
    *,
    choices: Sequence[Any] | None = None,
    minimum: float = -math.inf,
    maximum: float = math.inf,
) -> Any:
    """A parameter: a dataclass field that carries its help text and its legal values.

    The type is the field's annotation: int, float, str, bool, a tuple of one of them, or these `| None`.
    """
    limits = {"choices": choices, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={"help": help, **limits})


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as they were before JSON made lists of their tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def parameters(cls: type) -> list[tuple[str, Any, dict[str, Any]]]:
    """Name, type and `param` metadata (with "default") of each field of a dataclass of `param` fields."""
    hints = typing.get_type_hints(cls)
    return [
        (f.name, hints[f.name], {**f.metadata, "default": f.default})
        for f in dataclasses.fields(cls)
        if "help" in f.metadata
    ]


def split_optional(kind: Any) -> tuple[Any, bool]:
    """`(T, True)` for the type `T | None`, else `(T, False)`."""
    if isinstance(kind, types.UnionType):
        (inner,) = (t for t in typing.get_args(kind) if t is not types.NoneType)
        return inner, True
    return kind, False


def check_parameter(name: str, value: Any, kind: Any, meta: dict[str, Any]) -> None:
    """Raise InputError unless `value` has the type, the least value and the choices of its `param` field."""
    kind, optional = split_optional(kind)
    if value is None and optional:
        return
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, (tuple, list)):
            raise InputError(f"{name}={value!r} is no tuple of values")
        for item in value:
            check_parameter(name, item, typing.get_args(kind)[0], meta)
        return
    legal: dict[type, tuple[type, ...]] = {
        bool: (bool, np.bool_),
        int: (int, np.integer),
        float: (float, int, np.floating, np.integer),
    }
    is_stray_bool = isinstance(value, bool) and kind is not bool
    if kind in legal and (is_stray_bool or not isinstance(value, legal[kind])):
        raise InputError(f"{name}={value!r} is not of type {kind.__name__}")
    if meta["choices"] is not None and value not in meta["choices"]:
        raise InputError(f"{name}={value!r} is none of {', '.join(map(str, meta['choices']))}")
    if kind in (int, float) and not meta["minimum"] <= value <= meta["maximum"]:  # catches NaN too
        raise InputError(f"{name}={value!r} is not between {meta['minimum']} and {meta['maximum']}")
