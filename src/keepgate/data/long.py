"""Sequences from a long table: one row for each step of each series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError


def read_long_table(path: str | Path, **columns: Any) -> Sequences:
    """TODO"""
    raise NotImplementedError


def from_long_table(
    columns: dict[str, np.ndarray],
    *,
    source: str,
    id_column: str,
    step_column: str | None,
    label_column: str | None,
) -> Sequences:
    """Sequences from a table with one row for each step of each series.

    columns: name -> [rows]; what is not the id, the step or the label is a channel and has to be numbers.
    source: name of the file or table, for messages. Series come in the order of their first rows, steps in the order
    of `step_column` or, without one, of the rows. Raises InputError for a number missing, a step given twice, a label
    that changes within its series.
    """
    codes, ids = _in_order_of_appearance(columns[id_column])
    order = np.argsort(codes, kind="stable")
    if step_column is not None:
        steps = _ranks(columns[step_column], f"{source}: column '{step_column}'")
        order = np.lexsort((steps, codes))
        twice = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(steps[order]) == 0))
        if len(twice):
            row = order[twice[0] + 1]
            raise InputError(
                f"{source}, row {row + 1}: series {ids[codes[row]]!r} has the step "
                f"{columns[step_column][row]!r} of column '{step_column}' twice"
            )
    others = (id_column, step_column, label_column)
    channels = [name for name in columns if name not in others]
    if not channels:
        raise InputError(f"{source} has no channel: no column beside {', '.join(o for o in others if o)}")
    rows = np.stack([columns[name].astype(np.float64) for name in channels], axis=1)[order]
    ends = np.cumsum(np.bincount(codes))[:-1]
    labels = None
    if label_column is not None:
        labels = _one_for_each(columns[label_column], codes, ids, f"{source}: column '{label_column}'")
    return Sequences(ids, np.split(rows, ends), labels, channels)


def _in_order_of_appearance(values: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """A code 0, 1, ... for every value, counted by first appearance, and the values that they stand for."""
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(value, len(numbers)) for value in values.tolist()], dtype=np.int64)
    return codes, list(numbers)


def _ranks(values: np.ndarray, where: str) -> np.ndarray:
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError as error:
        raise InputError(f"{where} mixes values that have no common order") from error


def _one_for_each(values: np.ndarray, codes: np.ndarray, ids: list[Any], where: str) -> np.ndarray:
    """The value that each code has; InputError if one has two."""
    first = np.unique(codes, return_index=True)[1]
    changes = np.flatnonzero(values != values[first][codes])
    if len(changes):
        row = changes[0]
        raise InputError(
            f"{where} changes within series {ids[codes[row]]!r}: {values[first[codes[row]]]!r}, then "
            f"{values[row]!r} in row {row + 1}"
        )
    return values[first]
