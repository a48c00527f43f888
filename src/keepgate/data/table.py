"""Tables: CSV, Parquet and Arrow files, and data frames of any kind, as columns that have been checked.

Messages count rows from 1, the header of a CSV file not counted, and call a table by its `source`: the file it was
read from, or "the table".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from keepgate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

ANY_TABLE = "the table"


def read_table(path: str | Path, text: Sequence[str] = ()) -> pa.Table:
    """Read a .csv, .parquet, .arrow or .feather file.

    text: columns that a CSV file's cells go into as they are written, such as names of series that look like numbers.
    Raises InputError for a file that is absent, empty, of another kind or broken.
    """
    import pyarrow as pa

    path = Path(path)
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path} is no table that can be read: give a file that ends in {', '.join(_READERS)}")
    if not path.is_file():
        raise InputError(f"{path} does not exist" if not path.exists() else f"{path} is no file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: it needs a header and rows")
    try:
        return _READERS[path.suffix.lower()](path, text)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _read_csv(path: Path, text: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    # One block: pyarrow infers the types from the first block alone, and 3, …, 2.5 is no column of integers.
    whole = csv.ReadOptions(block_size=min(path.stat().st_size + 1, 2**31 - 1))
    return csv.read_csv(path, whole, convert_options=csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string())))


def _read_parquet(path: Path, _: Sequence[str]) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(path)


def _read_arrow(path: Path, _: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


_READERS: dict[str, Callable[[Path, Sequence[str]], Any]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}


def to_frame(table: Any, needed: Sequence[str], source: str = ANY_TABLE) -> nw.DataFrame:
    """The table (pandas, polars, Arrow, ...) as a narwhals frame; InputError if it lacks a column or rows."""
    try:
        frame = nw.maybe_reset_index(nw.from_native(table, eager_only=True))
    except TypeError as error:
        raise InputError(f"{source} is a {type(table).__name__}; give a pandas, polars or pyarrow table") from error
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(
            f"{source} has no column '{missing[0]}' but {', '.join(map(str, frame.columns)) or 'no columns'}: "
            "rename or add it"
        )
    if len(frame) == 0:
        raise InputError(f"{source} is empty: it has a header and no rows")
    return frame


def numbers(column: nw.Series, source: str = ANY_TABLE) -> np.ndarray:
    """The column as float64 [rows]; InputError for text, a missing value or one that is not finite."""
    where = f"{source}, column '{column.name}'"
    if column.dtype.is_numeric() or column.dtype == nw.Boolean:
        values = column.cast(nw.Float64).to_numpy()
    else:
        values = _all_numbers(column.to_list(), where)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        value = values[wrong[0]]
        what = "no value (NaN or empty)" if np.isnan(value) else f"an infinite value ({value})"
        raise InputError(f"{where}, row {wrong[0] + 1} has {what}: fill the gap or take the row away")
    return values


def _all_numbers(items: list[Any], where: str) -> np.ndarray:
    """Numbers that came as objects; None is NaN."""
    wrong = [i for i, item in enumerate(items) if item is not None and not isinstance(item, (int, float, np.number))]
    if wrong:
        # One word makes text of a whole CSV column; the word is the culprit, not the numbers beside it.
        row = next((i for i in wrong if not _reads_as_number(items[i])), wrong[0])
        raise InputError(f"{where}, row {row + 1}: {_shown(items[row])} is no number; correct it or drop the column")
    return np.array(items, dtype=np.float64)


def _reads_as_number(item: Any) -> bool:
    try:
        float(item)
    except (TypeError, ValueError):
        return False
    return True


def times(column: nw.Series, source: str = ANY_TABLE) -> np.ndarray:
    """The column as datetime64[us] (in UTC if it has a time zone) or, where it counts steps, int64 [rows].

    Text is taken as ISO 8601. InputError for anything else and for a missing value.
    """
    where = f"{source}, column '{column.name}'"
    absent = np.flatnonzero(column.is_null().to_numpy())
    if len(absent):
        raise InputError(f"{where}, row {absent[0] + 1} has no value: fill the gap or take the row away")
    if column.dtype.is_integer():
        return column.cast(nw.Int64).to_numpy()
    if isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if column.dtype in (nw.Date, nw.Datetime):
        return column.cast(nw.Datetime("us")).to_numpy().astype("datetime64[us]")
    return np.array([_time(item, f"{where}, row {i}") for i, item in enumerate(column.to_list(), start=1)])


def _time(item: Any, where: str) -> np.datetime64:
    """A time that came as text or as an object."""
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(item) if isinstance(item, str) else item
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        if isinstance(moment, date):
            return np.datetime64(moment, "us")
    raise InputError(
        f"{where}: {_shown(item)} is no time; write it like 2024-01-31 or 2024-01-31 18:00:00, or number the steps "
        "0, 1, 2, …"
    )


def _shown(item: Any) -> str:
    return repr(item) if len(repr(item)) <= 40 else repr(item)[:37] + "…"
