"""Tables: CSV, Parquet and Arrow files, and data frames of any kind, as columns that have been checked.

Messages count rows from 1, the header of a CSV file not counted, and call a table by its `source`: the file it was
read from, or "the table".
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import narwhals as nw
import numpy as np

from keepgate import limits
from keepgate.data.arrays import LARGEST
from keepgate.data.files import as_path, blocks, open_file, read_standard_input
from keepgate.data.lines import check_names
from keepgate.data.tables.arrow import read_arrow
from keepgate.data.tables.delimited import read_delimited
from keepgate.errors import InputError, listed, quoted, reason
from keepgate.store import STANDARD_STREAM

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ANY_TABLE", "cells_of", "in_order_of_appearance", "numbers", "read_table", "times", "to_frame"]

ANY_TABLE = "the table"
METADATA = 2**27  # bytes, or elements, of a part of a Parquet file's metadata
MOST_STEPS = 2**62  # so that differences of numbered steps are 64-bit integers


def read_table(path: str | Path, text: Sequence[str] = ()) -> pa.Table:
    """Read a .csv or .tsv file, also one that ends in .gz, or a .parquet, .arrow or .feather file.

    Args:
        path: of the file; "-" is standard input, which is any of these.
        text: columns of delimited text to read as text, such as names of series that look like numbers.

    Raises:
        InputError: the file is missing, empty, of another kind or broken; two columns have one name; or there are more
            than `columns`, `cells`, `cell_bytes` or `unpacked_bytes`, which is noticed before memory is allocated.
    """
    import pyarrow as pa

    path = as_path(path)
    try:
        with _opened(path) as (file, suffix):
            if file.seek(0, os.SEEK_END) == 0:
                raise InputError(f"{path} is empty: it needs a header and rows")
            file.seek(0)
            table = _READERS[suffix](path, file, text)
        check_names(table.column_names, path)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} cannot be read: it takes more memory than there is ({reason(error)})") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    return table


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a table; yield it, seekable, and the suffix of its kind.

    Raises:
        InputError: its kind is unknown, or it cannot be opened.
    """
    if str(path) == STANDARD_STREAM:
        data = read_standard_input()
        yield io.BytesIO(data), next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), ".csv")
        return
    zipped = path.suffix.lower() == ".gz"
    suffix = path.with_suffix("").suffix.lower() if zipped else path.suffix.lower()
    if suffix not in _READERS or (zipped and suffix not in _TEXT):
        raise InputError(
            f"{path} is no table that can be read: give a file that ends in {', '.join(_READERS)}, or in "
            f"{' or '.join(f'{kind}.gz' for kind in _TEXT)}"
        )
    if zipped:
        yield io.BytesIO(b"".join(blocks(path))), suffix
    else:
        with open_file(path) as file:
            yield file, suffix


def _read_parquet(path: Path, file: BinaryIO, _: Sequence[str]) -> pa.Table:
    from pyarrow import parquet

    bounds: dict[str, Any] = {"thrift_string_size_limit": METADATA, "thrift_container_size_limit": METADATA}
    about = parquet.ParquetFile(file, **bounds)
    metadata, schema = about.metadata, about.schema_arrow
    check_names(schema.names, path)
    limits.check("columns", metadata.num_columns, path)
    limits.check("cells", metadata.num_rows * metadata.num_columns, path)
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(k) for group in groups for k in range(group.num_columns)]
    limits.check("cells", sum(chunk.num_values for chunk in chunks), path)  # of lists more than rows
    limits.check("unpacked_bytes", sum(chunk.total_uncompressed_size for chunk in chunks), path)
    # A text a million times is one text and a million numbers in the file; it stays so until its size is known.
    texts = [field.name for field in schema if _is_text(field.type)]
    table = parquet.ParquetFile(file, read_dictionary=texts, **bounds).read()
    _check_text(path, table)
    return table.cast(schema)


def _read_arrow(path: Path, file: BinaryIO, _: Sequence[str]) -> pa.Table:
    table = read_arrow(path, file)
    _check_text(path, table)
    return table


_READERS: dict[str, Callable[[Path, BinaryIO, Sequence[str]], Any]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}
_TEXT = (".csv", ".tsv")
_MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"\xff\xff\xff\xff": ".arrow"}


def _check_text(path: Path, table: pa.Table) -> None:
    """Raise `InputError` for a cell above `cell_bytes`, and for text above `unpacked_bytes` in all."""
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pyarrow.compute
    total = 0
    for name, column in zip(table.column_names, table.columns, strict=True):
        for chunk in column.chunks:
            coded = pa.types.is_dictionary(chunk.type)
            if not _is_text(chunk.type.value_type if coded else chunk.type):
                continue
            lengths = compute.binary_length(chunk.dictionary if coded else chunk)
            lengths = lengths.take(chunk.indices) if coded else lengths
            limits.check("cell_bytes", compute.max(lengths).as_py() or 0, f"a cell of {path}, column {quoted(name)},")
            total += compute.sum(lengths).as_py() or 0
            limits.check("unpacked_bytes", total, f"the text of {path}")


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


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


def numbers(column: nw.Series, source: str = ANY_TABLE) -> np.ndarray:
    """Return a column as float64 [rows].

    Args:
        column: of the table.
        source: how messages call the table.

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
    wrong = np.flatnonzero(~(np.abs(values) <= LARGEST))
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


def times(column: nw.Series, source: str = ANY_TABLE) -> np.ndarray:
    """Return a column as datetime64[us] (in UTC if it has a time zone) or, if it counts steps, as int64 [rows].

    Text is read as ISO 8601.

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
        if isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
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
