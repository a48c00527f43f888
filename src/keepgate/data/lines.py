"""Text files by lines, plain or gzipped, and the JSON and comma-separated values on them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keepgate import limits
from keepgate.data.files import blocks, read_standard_input
from keepgate.errors import InputError, quoted
from keepgate.store import STANDARD_STREAM

__all__ = ["check_names", "check_row", "csv_rows", "json_objects", "json_value", "read_lines", "read_text"]

MARK = b"\xef\xbb\xbf"  # may begin a file in UTF-8
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # begin one in UTF-16


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file in UTF-8, without their ends, which may be those of any system.

    The path "-" is standard input.

    Raises:
        InputError: as `keepgate.data.files.blocks`; the text is not UTF-8, has a NUL, or more than `line_bytes` or
            `lines`. The message names file and line.
    """
    place = 0  # of the line in the file, in bytes
    for number, line in enumerate(_ended(path), start=1):
        limits.check("lines", number, path)
        try:
            if b"\0" in line:
                raise InputError(f"{path}, line {number} has a NUL, so it is not text in UTF-8; is it UTF-16?")
            yield line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            another = "; it is UTF-16" if place + error.start == 0 and line.startswith(UTF_16) else ""
            raise InputError(
                f"{path} is not a text file in UTF-8: {error.reason} at byte {place + error.start}, line {number}"
                f"{another}; convert it"
            ) from error
        place += len(line)


def _ended(path: Path) -> Iterator[bytes]:
    """Yield the lines with their ends; a byte order mark is removed from the first."""
    unfinished, first = b"", True
    for block in [read_standard_input()] if str(path) == STANDARD_STREAM else blocks(path):
        if first:
            block, first = block.removeprefix(MARK), False
        *whole, unfinished = (unfinished + block).splitlines(keepends=True) or [b""]
        if unfinished.endswith(b"\n"):
            whole, unfinished = [*whole, unfinished], b""
        for line in whole:
            limits.check("line_bytes", len(line), f"a line of {path}")
            yield line
        limits.check("line_bytes", len(unfinished), f"a line of {path}")
    if unfinished:
        yield unfinished


def read_text(path: Path) -> str:
    """Return the text of a file that is one JSON document and fits `line_bytes`.

    Raises:
        InputError: as `read_lines`.
    """
    lines, size = [], 0
    for line in read_lines(path):
        size += len(line) + 1
        limits.check("line_bytes", size, f"the document {path}")
        lines.append(line)
    return "\n".join(lines)


def csv_rows(path: Path) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Yield number (from 1, without the header) and cells by column name of every row of comma-separated values.

    Cells that a row lacks are None; those beyond the header are listed under None (see `check_row`).

    Raises:
        InputError: the file is no such table, has two columns of one name, or more than `columns`.
    """
    rows = csv.reader((f"{line}\n" for line in read_lines(path)), strict=True)  # a quoted cell may have several
    names: list[str] | None = None
    number = 0
    try:
        for row in rows:
            if not row:
                continue
            if names is None:
                names = row
                limits.check("columns", len(names), path)
                check_names(names, path)
                continue
            number += 1
            cells: dict[Any, Any] = dict.fromkeys(names) | dict(zip(names, row, strict=False))
            yield number, cells if len(row) <= len(names) else cells | {None: row[len(names) :]}
    except csv.Error as error:
        raise InputError(f"{path} is no table of comma-separated values: {error} (line {rows.line_num})") from error


def check_row(row: Mapping[Any, Any]) -> None:
    """Refuse a row of `csv_rows` with cells beyond the header that are not empty.

    Raises:
        InputError: there are such cells.
    """
    if any(row.get(None) or ()):
        raise InputError(f"there are {len(row[None])} cells more than columns; put text with commas in double quotes")


def check_names(names: Iterable[Any], source: object) -> None:
    """Refuse column names that are not distinct.

    Args:
        names: of the columns.
        source: begins the message: the file or the table.

    Raises:
        InputError: a name comes twice.
    """
    seen: set[Any] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{source} has two columns {quoted(name)}: rename or drop one")
        seen.add(name)


def json_value(text: str, where: str) -> Any:
    """Return the value that JSON text stands for.

    Args:
        text: in JSON.
        where: begins the message of an error.

    Raises:
        InputError: the text is not JSON, or not Unicode.
    """
    try:
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: half a surrogate pair (\\ud800 to \\udfff) is no Unicode") from None
    except RecursionError:
        raise InputError(f"{where}: no JSON (nested too deeply)") from None
    except ValueError as error:
        reason = getattr(error, "msg", "an integer of too many digits")
        raise InputError(f"{where}: no JSON ({reason})") from error
    return value


def json_objects(path: Path, example: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line number (from 1) and the JSON object of every line that is not blank.

    Args:
        path: of the file.
        example: of an object, for the message.

    Raises:
        InputError: as `read_lines`, and for a line that is no JSON object.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        row = json_value(line, f"{path}, line {number}")
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: no JSON object such as {example}")
        yield number, row
