"""Command-line flags from dataclass fields made by `keepgate.tasks.common.parameters.param`."""

from __future__ import annotations

import argparse
import typing
from collections.abc import Callable
from typing import Any

from keepgate.tasks.common.parameters import default_text, parameters, split_optional

METAVARS = {int: "N", float: "X", str: "TEXT"}


def add_flags(group: Any, cls: type) -> None:
    """Add to a parser or a group of it one flag for every parameter of a dataclass.

    `hidden_size` becomes `--hidden-size`; a bool gets `--flag/--no-flag`; a tuple takes several values; what may be
    None takes the word `none`. What the class calls `unused` has no flag.
    """
    for name, kind, meta in parameters(cls):
        if name in getattr(cls, "unused", ()):
            continue
        kind, optional = split_optional(kind)
        options: dict[str, Any] = {"default": meta["default"], "help": _help(meta)}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            several = typing.get_origin(kind) is tuple
            kind = typing.get_args(kind)[0] if several else kind
            options |= {"type": _or_none(kind) if optional else kind, "nargs": "+" if several else None}
            options["metavar"] = METAVARS[kind]
            if meta["choices"] is not None:
                options |= {"choices": meta["choices"], "metavar": None}
        group.add_argument("--" + name.replace("_", "-"), **options)


def take(arguments: argparse.Namespace, cls: type) -> Any:
    """Return an object of the dataclass `cls` with the values of its flags."""
    return cls(**{name: _value(getattr(arguments, name)) for name, _, _ in parameters(cls) if name in arguments})


def _value(given: Any) -> Any:
    """Return the value of a flag: several values are a tuple, and the single word `none` is None."""
    if not isinstance(given, list):
        return given
    return None if given == [None] else tuple(given)


def _help(meta: dict[str, Any]) -> str:
    return f"{meta['help']} (default: {default_text(meta['default'])})".replace("%", "%%")


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    convert.__name__ = getattr(kind, "__name__", "value")  # argparse names it in "invalid int value"
    return convert
