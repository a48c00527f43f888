"""Sequences from a long table: one row for each step of each series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.data.table import numbers, read_table, times, to_frame
from keepgate.errors import InputError

TIME = "ds"  # the one column that may be absent under its usual name: then the rows are in order


def read_long_table(
    path: str | Path,
    *,
    id_column: str = "unique_id",
    time_column: str = TIME,
    label_column: str = "label",
    channel_columns: Sequence[str] | None = None,
    labelled: bool = True,
) -> Sequences:
    """Read a CSV, Parquet or Arrow file with columns for the series, the step, the label and each channel.

    Series come in the order of their first rows; a series' rows need not be together. channel_columns: by default all
    columns that are nothing else. labelled: whether the label column has to be there. Ids and labels of a CSV file are
    text as it is written.

    Raises InputError that names file, row and column: a column or a value missing, text in a channel, a step of a
    series twice, a label that changes within its series.
    """
    needed = [id_column, *(channel_columns or ()), *([label_column] if labelled else [])]
    needed += [time_column] if time_column != TIME else []
    frame = to_frame(read_table(path, text=(id_column, label_column)), needed, str(path))
    steps = _steps(frame[time_column], str(path)) if time_column in frame.columns else None
    labels = _present(frame[label_column], str(path)) if label_column in frame.columns else None
    others = (id_column, time_column, label_column)
    channels = list(channel_columns or (name for name in frame.columns if name not in others))
    if not channels:
        raise InputError(f"{path} has no channel: no column beside {', '.join(frame.columns)}")
    codes, ids = _in_order_of_appearance(_present(frame[id_column], str(path)))
    order = np.argsort(codes, kind="stable") if steps is None else np.lexsort((steps, codes))
    if steps is not None:
        _check_no_step_twice(codes, steps, order, ids, f"{path}, column '{time_column}'")
    values = np.stack([numbers(frame[name], str(path)) for name in channels], axis=1)
    series = np.split(values[order], np.cumsum(np.bincount(codes))[:-1])
    if labels is not None:
        labels = _one_for_each(labels, codes, ids, f"{path}, column '{label_column}'")
    return Sequences(ids, series, labels, channels)


def _present(column: nw.Series, source: str) -> np.ndarray:
    """The column's values [rows]; InputError for a missing one."""
    absent = np.flatnonzero(column.is_null().to_numpy())
    if len(absent):
        raise InputError(f"{source}, column '{column.name}', row {absent[0] + 1} has no value: fill it in")
    return np.array(column.to_list())


def _steps(column: nw.Series, source: str) -> np.ndarray:
    return numbers(column, source) if column.dtype.is_numeric() else times(column, source)


def _in_order_of_appearance(values: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """A code 0, 1, ... for every value, counted by first appearance, and the values that they stand for."""
    numbers: dict[Any, int] = {}
    codes = np.array([numbers.setdefault(value, len(numbers)) for value in values.tolist()], dtype=np.int64)
    return codes, list(numbers)


def _check_no_step_twice(codes: np.ndarray, steps: np.ndarray, order: np.ndarray, ids: list[Any], where: str) -> None:
    same = (np.diff(codes[order]) == 0) & (steps[order][1:] == steps[order][:-1])
    if same.any():
        row = order[1:][same][0]
        raise InputError(f"{where}, row {row + 1}: series {ids[codes[row]]!r} has the step {steps[row]} twice")


def _one_for_each(values: np.ndarray, codes: np.ndarray, ids: list[Any], where: str) -> np.ndarray:
    """The value that each code has; InputError if one has two."""
    first = np.unique(codes, return_index=True)[1]
    changes = np.flatnonzero(values != values[first][codes])
    if len(changes):
        row = changes[0]
        raise InputError(
            f"{where}, row {row + 1}: the label of series {ids[codes[row]]!r} changes from "
            f"{values[first[codes[row]]]} to {values[row]}"
        )
    return values[first]
