"""Text files by lines, plain or gzipped, and JSON objects on them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from keepgate.errors import InputError


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unzipped if its name ends in .gz; InputError if it cannot be read."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged or cut short: its gzip stream does not end") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """The text of `read_bytes` in UTF-8; InputError if it is none."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8: {error.reason} at byte {error.start}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of `read_text`."""
    return read_text(path).replace("\r\n", "\n").split("\n")


def json_objects(path: Path, lines: Iterable[str], example: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number (from 1) and JSON object of every line that is not blank; InputError shows the `example`."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            raise InputError(f"{path}, line {number}: no JSON ({reason})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: no JSON object such as {example}")
        yield number, row
