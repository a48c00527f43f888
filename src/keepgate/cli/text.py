"""Tables and notes for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from keepgate.errors import printable

LONGEST = 80  # characters of a cell


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as lines of aligned columns; floats get four significant digits, texts 80 characters."""
    lines = [[*map(_cell, rows[0])]] + [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def print_notes(command: str, notes: Sequence[str]) -> None:
    """Print sentences to standard error, in the name of the command."""
    for note in notes:
        print(printable(f"keepgate {command}: {note}"), file=sys.stderr)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = printable(str(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
