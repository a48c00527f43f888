"""Columns of data frames of any library, checked: numbers, times, names.

Messages count rows from 1, the header of a CSV file not counted, and call a table by its `source`: the file it was
read from, or "the table".
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import narwhals as nw
import numpy as np

from keepgate.data.arrays import LARGEST
from keepgate.data.lines import check_names
from keepgate.errors import InputError, listed, quoted, reason

__all__ = [
    "ANY_TABLE",
    "cells_of",
    "in_order_of_appearance",
    "numbers",
    "present",
    "side_by_side",
    "time_type",
    "times",
    "to_frame",
]

ANY_TABLE = "the table"
MOST_STEPS = 2**62  # so that differences of numbered steps are 64-bit integers


def to_frame(table: Any, needed: Sequence[str], source: str = ANY_TABLE) -> nw.DataFrame:
    """Return a table (pandas, polars, Arrow, ...) as a narwhals frame.

    Args:
        table: of any of these libraries.
        needed: names of columns that must be there.
        source: how messages call the table.

    Raises:
        InputError: it is no table, has no rows, lacks a column, or has two of one name.
    """
    try:
        frame = nw.maybe_reset_index(nw.from_native(table, eager_only=True))
        names = list(frame.columns)
        check_names(names, source)
        rows = len(frame)
    except InputError:
        raise
    except TypeError as error:
        raise InputError(f"{source} is a {type(table).__name__}; give a pandas, polars or pyarrow table") from error
    except Exception as error:  # of the table's own library
        raise InputError(f"{source} cannot be used: {reason(error)}") from error
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(f"{source} has no column {quoted(missing[0])} but {listed(names)}: rename or add it")
    if rows == 0:
        raise InputError(f"{source} is empty: it has a header and no rows")
    return frame


def numbers(column: nw.Series, source: str = ANY_TABLE, *, gaps: bool = False) -> np.ndarray:
    """Return a column as float64 [rows].

    Args:
        column: of the table.
        source: how messages call the table.
        gaps: let values be missing; they are NaN.

    Raises:
        InputError: a value is missing, text, not finite, or beyond 1e100; the message names the row.
    """
    where = f"{source}, column {quoted(column.name)}"
    try:
        if column.dtype.is_numeric() or column.dtype == nw.Boolean:
            values = column.cast(nw.Float64).to_numpy()
        else:
            values = _all_numbers(cells_of(column, where), where)
    except InputError:
        raise
    except Exception as error:  # of the table's own library
        raise InputError(f"{where} is not read as numbers: {reason(error)}") from error
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST) & ~(gaps & np.isnan(values)))
    if len(wrong):
        value = values[wrong[0]]
        if np.isfinite(value):
            raise InputError(f"{where}, row {wrong[0] + 1}: {value} is beyond {LARGEST:g}; give it in another unit")
        what = "no value (NaN or empty)" if np.isnan(value) else f"an infinite value ({value})"
        raise InputError(f"{where}, row {wrong[0] + 1} has {what}: fill the gap or take the row away")
    return values


def cells_of(column: nw.Series, where: str) -> list[Any]:
    """Return the cells of a column as Python objects.

    Args:
        column: of a table.
        where: begins the message of an error.

    Raises:
        InputError: the cells are lists or structures, or cannot be read.
    """
    if column.dtype.is_nested():
        raise InputError(f"{where} holds lists or structures: take it away, or make a column of each value")
    try:
        return column.to_list()
    except Exception as error:  # of the table's own library, such as for text that is no UTF-8
        raise InputError(f"{where} cannot be read: {reason(error)}") from error


def present(column: nw.Series, source: str = ANY_TABLE) -> list[Any]:
    """Return the cells of a column as Python objects.

    Raises:
        InputError: as `cells_of`, or one is missing; the message names the row.
    """
    where = f"{source}, column {quoted(column.name)}"
    absent = np.flatnonzero(column.is_null().to_numpy())
    if len(absent):
        raise InputError(f"{where}, row {absent[0] + 1} has no value: fill it in")
    return cells_of(column, where)


def in_order_of_appearance(items: list[Any], where: str) -> tuple[np.ndarray, list[Any]]:
    """Return a code 0, 1, ... for every item, counted by first appearance, and the items that the codes stand for.

    Args:
        items: anything that can be hashed.
        where: begins the message of an error.

    Raises:
        InputError: an item cannot be hashed.
    """
    numbers: dict[Any, int] = {}
    try:
        codes = np.array([numbers.setdefault(item, len(numbers)) for item in items], dtype=np.int64)
    except Exception as error:  # of whatever object it is
        raise InputError(f"{where} has cells that are no names: {reason(error)}") from error
    return codes, list(numbers)


def side_by_side(columns: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Return a column [N], or several as [N, K]; None where one is missing."""
    found = [column for column in columns if column is not None]
    if len(found) < len(columns):
        return None
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def _all_numbers(items: list[Any], where: str) -> np.ndarray:
    """Return numbers that came as objects as an array; None becomes NaN."""
    wrong = [i for i, item in enumerate(items) if item is not None and not isinstance(item, (int, float, np.number))]
    if wrong:
        # One word makes text of a whole CSV column; the word is the culprit, not the numbers in the same column.
        row = next((i for i in wrong if not _reads_as_number(items[i])), wrong[0])
        raise InputError(f"{where}, row {row + 1}: {quoted(items[row])} is no number; correct it or drop the column")
    return np.array(items, dtype=np.float64)


def _reads_as_number(item: Any) -> bool:
    try:
        float(item)
    except Exception:  # of whatever object it is
        return False
    return True


def time_type(column: nw.Series) -> Any:
    """Return the dtype of a column, with the zone of pandas' times, of which narwhals cannot read America/New_York."""
    native: Any = getattr(column.to_native(), "dtype", None)
    zone = getattr(native, "tz", None)
    return column.dtype if zone is None else nw.Datetime(native.unit, str(zone))


def _in_utc(column: nw.Series) -> nw.Series:
    """Return times that have a zone without it, in UTC."""
    if column.dtype == nw.Unknown:  # of pandas, see above
        column = nw.from_native(column.to_native().dt.tz_convert("UTC"), series_only=True)
    return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def times(column: nw.Series, source: str = ANY_TABLE) -> np.ndarray:
    """Return a column as datetime64[us] (in UTC if it has a time zone) or, if it counts steps, as int64 [rows].

    Text is read as ISO 8601; numbers of steps may be floating-point numbers.

    Args:
        column: of a table.
        source: how messages call the table.

    Raises:
        InputError: a value is missing or no time, finer than a microsecond, or outside the years 1 to 9999; or a step
            is 2^62 or more.
    """
    where = f"{source}, column {quoted(column.name)}"
    try:
        absent = np.flatnonzero(column.is_null().to_numpy())
        if len(absent):
            raise InputError(f"{where}, row {absent[0] + 1} has no value: fill the gap or take the row away")
        if column.dtype.is_integer():
            return _steps(column, where)
        if column.dtype.is_float() and ((steps := column.to_numpy()) == np.rint(steps)).all():
            return _steps(column, where)
        if getattr(time_type(column), "time_zone", None):
            column = _in_utc(column)
        if column.dtype in (nw.Date, nw.Datetime):
            return _instants(column, where)
        items = cells_of(column, where)
    except InputError:
        raise
    except Exception as error:  # of the table's own library
        raise InputError(f"{where} is not read as times: {reason(error)}") from error
    return np.array([_time(item, f"{where}, row {i}") for i, item in enumerate(items, start=1)])


def _steps(column: nw.Series, where: str) -> np.ndarray:
    steps = [int(step) for step in (column.min(), column.max())]  # what is unsigned may be beyond int64
    if max(map(abs, steps)) >= MOST_STEPS:
        raise InputError(f"{where} has the step {max(steps, key=abs)}, which is 2^62 or more: count from 0")
    return column.cast(nw.Int64).to_numpy()


def _instants(column: nw.Series, where: str) -> np.ndarray:
    instants = column.to_numpy()
    if instants.dtype.kind != "M":
        instants = np.array(column.to_list(), dtype="datetime64[us]")
    years = instants.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = np.flatnonzero((years < 1) | (years > 9999))
    if len(outside):
        raise InputError(f"{where}, row {outside[0] + 1} is in the year {years[outside[0]]}: give years from 1 to 9999")
    rounded = instants.astype("datetime64[us]")
    finer = np.flatnonzero(rounded.astype(instants.dtype) != instants)
    if len(finer):
        raise InputError(
            f"{where}, row {finer[0] + 1}: {instants[finer[0]]} is finer than a microsecond: round it, or number the "
            "steps 0, 1, 2, …"
        )
    return rounded


def _time(item: Any, where: str) -> np.datetime64:
    """Return a time that came as text or as an object."""
    with contextlib.suppress(ValueError, OverflowError):  # a time zone may carry it beyond year 1 or 9999
        moment = datetime.fromisoformat(item) if isinstance(item, str) else item
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        if isinstance(moment, date):
            return np.datetime64(moment, "us")
    raise InputError(
        f"{where}: {quoted(item)} is no time; write it like 2024-01-31 or 2024-01-31 18:00:00, or number the steps "
        "0, 1, 2, …"
    )
