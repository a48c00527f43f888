"""Columns that only count rows, such as the index that pandas writes along, and so are no features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["row_counters"]

FEWEST = 3  # rows from which on consecutive numbers are no accident


def row_counters(columns: Mapping[str, np.ndarray], codes: np.ndarray, order: np.ndarray) -> list[str]:
    """Return the names of the columns that count: 0, 1, 2, … or 1, 2, 3, …, through the table or within each series.

    Args:
        columns: by name, [rows] in the order of the table.
        codes: of each row's series, [rows].
        order: of the rows, series after series, by time.
    """
    rows = np.arange(len(codes))
    if len(rows) < FEWEST:
        return []
    sorted_codes = codes[order]
    first = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1]])
    within = rows - np.repeat(first, np.diff(np.r_[first, len(rows)]))
    longest = int(within.max()) + 1
    return [
        name
        for name, values in columns.items()
        if _counts(values, rows) or (longest >= FEWEST and _counts(values[order], within))
    ]


def _counts(values: np.ndarray, numbers: np.ndarray) -> bool:
    return values[0] in (0, 1) and bool(np.array_equal(values - values[0], numbers))
