"""Sequences from wide tables: a series in each row, its label and then its values.

Archives keep such tables without a header, the label in the first column (UCR's `.tsv`). With one, the columns of the
values are named by numbers: 0, 1, 2, … or t1, t2, t3, ….
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import narwhals as nw
import numpy as np

from keepgate import limits
from keepgate.data.arrays import LARGEST
from keepgate.data.files import as_path
from keepgate.data.gaps import ended
from keepgate.data.lines import read_lines
from keepgate.data.sequences import Sequences
from keepgate.data.tables.columns import numbers, present, side_by_side
from keepgate.errors import InputError, listed, quoted
from keepgate.store import STANDARD_STREAM

__all__ = ["CHANNEL", "has_no_header", "numbered", "read_rows", "wide_table"]

CHANNEL = "value"  # what the one channel of a wide table is called
DELIMITERS = "\t,;"
MISSING = {"", "?", "nan", "na", "null"}
NUMBERED = re.compile(r"(.*?)0*(\d{1,9})")


def numbered(names: Sequence[str]) -> bool:
    """Return whether two or more names count, as 0, 1, 2 or t1, t2, t3 do: the steps of a wide table."""
    found = [NUMBERED.fullmatch(name) for name in names]
    if len(names) < 2 or not all(found):
        return False
    parts = [(match[1], int(match[2])) for match in found if match]
    first = parts[0][1]
    return parts == [(parts[0][0], first + i) for i in range(len(parts))]


def has_no_header(path: str | Path) -> bool:
    """Return whether delimited text begins with numbers that do not count, and so with a row of values."""
    path = as_path(path)
    suffixes = path.name.lower().removesuffix(".gz").rsplit(".", 1)
    if suffixes[-1] not in ("csv", "tsv") or str(path) == STANDARD_STREAM:
        return False
    try:
        cells = _cells(next(read_lines(path), ""))
    except InputError:  # the reader of tables tells it
        return False
    if len(cells) < 3 or numbered(cells[1:]):
        return False
    return all(cell.lower() in MISSING or _number(cell) is not None for cell in cells[1:])


def wide_table(
    frame: nw.DataFrame,
    id_column: str,
    label_columns: Sequence[str],
    steps: Sequence[str],
    labelled: bool,
    source: str,
    group_column: str | None = None,
) -> Sequences:
    """Return the sequences of a table with a series in each row; missing values are NaN.

    Args:
        frame: the table.
        id_column: names the series; if the table has no such column, they are counted from 1.
        label_columns: their labels.
        steps: the columns of their values, in order.
        labelled: whether the label column must be there.
        source: how messages call the table.
        group_column: what they belong to; None: nothing.

    Raises:
        InputError: the labels or the groups are missing, or a value is no number.
    """
    for name in (*label_columns, group_column) if labelled else ():
        if name is not None and name not in frame.columns:
            raise InputError(f"{source} has no column {quoted(name)} but {listed(frame.columns)}: rename or add it")
    groups = present(frame[group_column], source) if group_column and group_column in frame.columns else None
    labels = [np.array(present(frame[name], source)) if name in frame.columns else None for name in label_columns]
    ids = present(frame[id_column], source) if id_column in frame.columns else list(range(1, len(frame) + 1))
    values = np.stack([numbers(frame[name], source, gaps=True) for name in steps], axis=1)[..., None]
    return Sequences(ids, ended(list(values)), side_by_side(labels), [CHANNEL], groups=groups)


def read_rows(path: str | Path) -> Sequences:
    """Read delimited text without a header: in each row the label of a series, then its values.

    Ids are 1, 2, …; labels are text. Missing values are NaN; those at the end of a row say that its series is shorter.

    Raises:
        InputError: a value is no number, infinite or beyond 1e100, a row has no value or no label, or there are more
            than `columns` or `cells`; the message names file and line.
    """
    path = as_path(path)
    values, labels, cells = [], [], 0
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        label, *texts = _cells(line)
        where = f"{path}, line {number}"
        limits.check("columns", len(texts) + 1, where)
        limits.check("cells", cells := cells + len(texts) + 1, path)
        limits.check("label_characters", len(label), f"the label {quoted(label)} of {where}")
        if not label:
            raise InputError(f"{where} has no label in its first column: fill it in")
        labels.append(label)
        values.append(_values(where, texts))
    return Sequences(list(range(1, len(values) + 1)), values, np.array(labels), [CHANNEL])


def _cells(line: str) -> list[str]:
    delimiter = max(DELIMITERS, key=line.count)
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _values(where: str, texts: list[str]) -> np.ndarray:
    """Return the values [T, 1] of a row, up to the last one that is there."""
    found = [np.nan if text.lower() in MISSING else _number(text) for text in texts]
    if None in found:
        place = found.index(None)
        raise InputError(f"{where}, column {place + 2}: {quoted(texts[place])} is no number; correct it")
    row = np.array(found, dtype=np.float64)
    wrong = np.flatnonzero(np.abs(row) > LARGEST)
    if len(wrong):
        raise InputError(f"{where}, column {wrong[0] + 2}: {row[wrong[0]]} is infinite or beyond {LARGEST:g}")
    known = np.flatnonzero(~np.isnan(row))
    if not len(known):
        raise InputError(f"{where} has no value: take the line away")
    return row[: known[-1] + 1, None]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
