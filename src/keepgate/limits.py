"""Upper bounds of what is read or made, each checked before the memory is taken.

    limits.check("unpacked_bytes", size, path)

A bound is raised, or lowered, by the environment variable that its message names: `KEEPGATE_MAX_UNPACKED_BYTES`.
"""

from __future__ import annotations

import os

from keepgate.errors import InputError, quoted

__all__ = ["LIMITS", "check", "limit", "variable"]

GIB = 2**30

MIB = 2**20

LIMITS: dict[str, tuple[int, str]] = {
    "file_bytes": (4 * GIB, "bytes"),
    "unpacked_bytes": (1 * GIB, "bytes when unpacked"),
    "weights": (2**30, "weights"),
    "text_bytes": (256 * MIB, "bytes"),
    "line_bytes": (16 * MIB, "bytes"),
    "lines": (20_000_000, "lines"),
    "columns": (10_000, "columns"),
    "cells": (250_000_000, "cells (rows times columns)"),
    "cell_bytes": (1 * MIB, "bytes"),
    "label_characters": (1_000, "characters"),
    "classes": (5_000, "different labels"),
    "audio_rate": (384_000, "samples a second"),
    "audio_channels": (1_024, "channels"),
    "audio_samples": (512 * MIB, "samples in all channels"),
    "ink_points": (1_000_000, "points of ink"),
    "text_pieces": (2_000, "subwords"),
}


def variable(name: str) -> str:
    """Return the environment variable that sets a bound."""
    return f"KEEPGATE_MAX_{name.upper()}"


def limit(name: str) -> int:
    """Return the bound `name`, one of `LIMITS`.

    Raises:
        InputError: its environment variable holds no positive integer.
    """
    text = os.environ.get(variable(name))
    if text is None:
        return LIMITS[name][0]
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) > 0):
        raise InputError(f"{variable(name)} is a positive integer below 10^19, got {quoted(text)}")
    return int(text)


def check(name: str, amount: int, what: object) -> None:
    """Refuse an amount above the bound `name`.

    Args:
        name: one of `LIMITS`.
        amount: in the unit of that bound.
        what: has this amount: a path, or a path and a row.

    Raises:
        InputError: the amount is above the bound; the message names both and how to raise the bound.
    """
    if amount > (most := limit(name)):
        unit = LIMITS[name][1]
        raise InputError(f"{what} has {amount:,} {unit}, more than {most:,}; to allow it, set {variable(name)}")
