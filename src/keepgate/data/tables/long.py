"""Sequences from a long table: one row for each step of each series; a wide one is noticed by its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from keepgate import limits
from keepgate.data.sequences import Sequences
from keepgate.data.tables.columns import (
    ANY_TABLE,
    in_order_of_appearance,
    numbers,
    present,
    side_by_side,
    times,
    to_frame,
)
from keepgate.data.tables.counting import row_counters
from keepgate.data.tables.table import read_table
from keepgate.data.tables.wide import CHANNEL, has_no_header, numbered, read_rows, wide_table
from keepgate.errors import InputError, listed, quoted

__all__ = ["long_table", "read_long_table"]

TIME = "ds"  # the one column that may be absent under its usual name: then the rows are in order


def read_long_table(
    path: str | Path,
    *,
    id_column: str = "unique_id",
    label_column: str = "label",
    group_column: str | None = None,
    further_columns: Sequence[str] = (),
    **options: Any,
) -> Sequences:
    """Read a CSV, Parquet or Arrow file, or delimited text without a header (see `keepgate.data.tables.wide`).

    Ids, labels and groups of a CSV file are read as text.

    Args:
        path: of the file.
        id_column: see `long_table`.
        label_column: see `long_table`.
        group_column: see `long_table`.
        further_columns: see `long_table`.
        options: further ones of `long_table`.

    Raises:
        InputError: as `long_table`; the message names the file.
    """
    if has_no_header(path):
        return read_rows(path)
    names = {"id_column": id_column, "label_column": label_column, "group_column": group_column}
    table = read_table(path, text=[*(name for name in names.values() if name), *further_columns])
    return long_table(table, **names, further_columns=further_columns, source=str(path), **options)


def long_table(
    table: Any,
    *,
    id_column: str = "unique_id",
    time_column: str = TIME,
    label_column: str = "label",
    channel_columns: Sequence[str] | None = None,
    group_column: str | None = None,
    further_columns: Sequence[str] = (),
    labelled: bool = True,
    gaps: bool = False,
    source: str = ANY_TABLE,
) -> Sequences:
    """Return the sequences of a table with columns for the series, the step, the label and each channel.

    Series come in the order of their first rows; a series' rows need not be together. A table without a column for
    the step, each row another series, whose columns of values are named by numbers that count, is a wide one.

    Args:
        table: pandas, polars or pyarrow.
        id_column: names the series of a row.
        time_column: its step or time; may be absent under the default name, if rows are in order.
        label_column: the label of its series.
        channel_columns: its values; by default all other columns but those that only count rows.
        group_column: what its series belongs to; by default nothing.
        further_columns: further labels of its series; labels are [N, 1 + these] then.
        labelled: whether the columns of labels and of groups must be there.
        gaps: let values be missing; they are NaN. In wide tables they may be anyway.
        source: how messages call the table.

    Raises:
        InputError: a column or a value is missing, a channel holds text, a step comes twice in a series, or a label
            changes within its series; the message names file, row and column.
    """
    frame, labels = to_frame(table, (), source), (label_column, *further_columns)
    special = (id_column, time_column, group_column, *labels)
    others = [name for name in frame.columns if name not in special]
    each = id_column not in frame.columns or frame[id_column].n_unique() == len(frame)
    if each and numbered(others) and time_column not in frame.columns and channel_columns in (None, (CHANNEL,)):
        return wide_table(frame, id_column, labels, others, labelled, source, group_column)
    told = [*labels, *([group_column] if group_column else [])]
    needed = [id_column, *(channel_columns or ()), *(told if labelled else [])]
    to_frame(frame, [*needed, *([time_column] if time_column != TIME else [])], source)
    steps = _steps(frame[time_column], source) if time_column in frame.columns else None
    channels = list(channel_columns or others)
    if not channels:
        raise InputError(f"{source} has no channel: no column but {listed(frame.columns)}")
    codes, ids = in_order_of_appearance(present(frame[id_column], source), f"{source}, column {quoted(id_column)}")
    order = np.argsort(codes, kind="stable") if steps is None else np.lexsort((steps, codes))
    if steps is not None:
        _check_no_step_twice(codes, steps, order, ids, f"{source}, column {quoted(time_column)}")
    columns = {name: numbers(frame[name], source, gaps=gaps) for name in channels}
    left_out = [] if channel_columns else row_counters(columns, codes, order)
    left_out = left_out if len(left_out) < len(channels) else []
    channels = [name for name in channels if name not in left_out]
    values = np.stack([columns[name] for name in channels], axis=1)
    places = np.cumsum(np.bincount(codes))[:-1]
    series = np.split(values[order], places)
    when = None if steps is None else np.split(np.asarray(frame[time_column].to_numpy())[order], places)
    of_series = {}
    for what, name in (*(("label", name) for name in labels), ("group", group_column)):
        if name is not None and name in frame.columns:
            where = f"{source}, column {quoted(name)}"
            of_series[name] = _one_for_each(present(frame[name], source), codes, ids, where, what)
    groups = of_series[group_column].tolist() if group_column in of_series else None
    found = side_by_side([of_series.get(name) for name in labels])
    return Sequences(ids, series, found, channels, left_out, when, groups)


def _steps(column: nw.Series, source: str) -> np.ndarray:
    return numbers(column, source) if column.dtype.is_numeric() else times(column, source)


def _check_no_step_twice(codes: np.ndarray, steps: np.ndarray, order: np.ndarray, ids: list[Any], where: str) -> None:
    same = (np.diff(codes[order]) == 0) & (steps[order][1:] == steps[order][:-1])
    if same.any():
        row = order[1:][same][0]
        raise InputError(f"{where}, row {row + 1}: series {quoted(ids[codes[row]])} has the step {steps[row]} twice")


def _one_for_each(values: list[Any], codes: np.ndarray, ids: list[Any], where: str, what: str) -> np.ndarray:
    """Return the value of each code; raise `InputError` if a code has two, and for a text above `label_characters`."""
    value_of: dict[int, Any] = {}
    for row, (code, value) in enumerate(zip(codes.tolist(), values, strict=True), start=1):
        if value_of.setdefault(code, value) != value:
            raise InputError(
                f"{where}, row {row}: the {what} of series {quoted(ids[code])} changes from {quoted(value_of[code])} "
                f"to {quoted(value)}"
            )
    for value in value_of.values():
        if isinstance(value, str):  # an array of texts takes for each as much memory as for the longest
            limits.check("label_characters", len(value), f"the {what} {quoted(value)} of {where}")
    return np.array(list(value_of.values()))
