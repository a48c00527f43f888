"""Delimited text, .csv and .tsv: the delimiter and the decimal point are those that the file uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from keepgate import limits
from keepgate.data.files import BLOCK
from keepgate.errors import InputError, quoted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_delimited"]

DELIMITERS = b",;\t|"  # the first of those that are as frequent in the header
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # the marks that its files begin with
QUOTED = re.compile(rb'"[^"]*"')
LOOKED_AT = 100  # rows, for the decimal point


class Dialect(NamedTuple):
    """The dialect of a file."""

    delimiter: bytes
    decimal_point: str


def read_delimited(path: Path, file: BinaryIO, text: Sequence[str]) -> pa.Table:
    """Read delimited text with a header.

    The delimiter is whichever of comma, semicolon, tab and bar the header has most of. Where it is not the comma,
    numbers may have a decimal comma.

    Args:
        path: for messages.
        file: of the text, seekable.
        text: columns to read as text.

    Raises:
        InputError: the text is not UTF-8, or there are more than `columns`, `cells`, `line_bytes` or `cell_bytes`.
    """
    import pyarrow as pa
    from pyarrow import csv

    if file.read(2) in UTF_16:
        raise _of_other_encoding(path, "it")
    dialect = _dialect(file)
    size = _look_through(path, file, dialect.delimiter)
    file.seek(0)
    # One block: pyarrow infers the types from the first block only, and 3, …, 2.5 is no column of integers.
    whole = csv.ReadOptions(block_size=min(size + 1, 2**31 - 1))
    types = dict.fromkeys(text, pa.string())
    try:
        table = csv.read_csv(
            file,
            whole,
            csv.ParseOptions(delimiter=dialect.delimiter.decode()),
            csv.ConvertOptions(column_types=types, decimal_point=dialect.decimal_point),
        )
        names = table.column_names
    except UnicodeDecodeError:
        raise _of_other_encoding(path, "its header") from None
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_binary(column.type):
            raise _of_other_encoding(path, f"column {quoted(name)}")
    return table


def _of_other_encoding(path: Path, where: str) -> InputError:
    return InputError(f"{path}: {where} is not in UTF-8: save the file as UTF-8, for example with iconv")


def _dialect(file: BinaryIO) -> Dialect:
    """Return the dialect of a file, by its header and the rows that follow."""
    file.seek(0)
    header, *rows = QUOTED.sub(b"", file.read(BLOCK)).splitlines()[: LOOKED_AT + 1] or [b""]
    file.seek(0)
    delimiter = max((DELIMITERS[i : i + 1] for i in range(len(DELIMITERS))), key=header.count)
    cells = [cell.strip() for row in rows for cell in row.split(delimiter)]
    comma, point = (any(re.fullmatch(rb"[-+]?\d*" + mark + rb"\d+", cell) for cell in cells) for mark in (b",", rb"\."))
    return Dialect(delimiter, "," if delimiter != b"," and comma and not point else ".")


def _look_through(path: Path, file: BinaryIO, delimiter: bytes) -> int:
    """Return the size of a file; raise `InputError` where columns, cells or lines are beyond the limits."""
    longest = {delimiter + b"\r\n": "cell_bytes", b"\r\n": "line_bytes"}
    since = dict.fromkeys(longest, 0)  # bytes since the last of these marks
    block_size = min(BLOCK, *map(limits.limit, longest.values()))
    columns = size = lines = 0
    header = True
    while block := file.read(block_size):
        size += len(block)
        for marks, name in longest.items():
            places = [place for mark in marks if (place := block.find(mark)) >= 0]
            limits.check(name, since[marks] + min(places, default=len(block)), f"a {name[:4]} of {path}")
            last = max(block.rfind(mark) for mark in marks)
            since[marks] = len(block) - 1 - last if places else since[marks] + len(block)
        if header:
            first = min((place for mark in b"\r\n" if (place := block.find(mark)) > 0), default=None)
            columns, header = columns + block[:first].count(delimiter), first is None
            limits.check("columns", columns + 1, path)
        lines += max(block.count(b"\n"), block.count(b"\r"))
        limits.check("cells", lines * (columns + 1), path)
    return size
