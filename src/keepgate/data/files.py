"""Files of data, opened in one way: regular files only, and no more of them in memory than the bounds allow.

Devices, pipes and folders are refused, also behind a link: what has no end must not be read to its end. Bounds are rows
of `keepgate.limits`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from keepgate import limits
from keepgate.errors import InputError, quoted
from keepgate.store import open_regular, standard_input

__all__ = ["as_path", "blocks", "open_file", "read_bytes", "read_pipe", "read_standard_input"]

BLOCK = 2**20  # bytes read at a time
GZIP = b"\x1f\x8b"
LONGEST_PATH = 4096  # bytes; no system takes longer ones


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes: ...


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return the path.

    Raises:
        InputError: no file can have that name: it is empty or too long, or has a NUL.
    """
    try:
        name = os.fsencode(path)
    except (UnicodeEncodeError, TypeError):
        raise InputError(f"{quoted(path)} is no path of a file") from None
    for wrong, what in (
        (not name, "is empty"),
        (b"\0" in name, "has a NUL"),
        (len(name) > LONGEST_PATH, f"is over {LONGEST_PATH:,} bytes long"),
    ):
        if wrong:
            raise InputError(f"{quoted(path)} is no path of a file: it {what}")
    return Path(os.fsdecode(name))


@contextlib.contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file to read its bytes; an error while they are read is an `InputError` too.

    Raises:
        InputError: the file is missing, no regular file, unreadable, or larger than `file_bytes`; the message names it.
    """
    path = as_path(path)
    with open_regular(path) as file:
        limits.check("file_bytes", os.fstat(file.fileno()).st_size, path)
        yield file


def read_standard_input() -> bytes:
    """Return the bytes of standard input, at most `file_bytes`, unzipped if they are gzip's.

    Raises:
        InputError: it is closed or a terminal, or there are more bytes.
    """
    return read_pipe(standard_input())


def read_pipe(pipe: Readable, head: bytes = b"") -> bytes:
    """Return the bytes of standard input, as `read_standard_input` does.

    Args:
        pipe: standard input.
        head: the bytes that were already taken from it.
    """
    found, total = [head], len(head)
    while block := pipe.read(BLOCK):
        total += len(block)
        limits.check("file_bytes", total, "standard input")
        found.append(block)
    data = b"".join(found)
    if data[:2] != GZIP:
        return data
    return b"".join(_unzipped(io.BytesIO(data), "standard input"))


def blocks(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks of up to 1 MiB, unzipped if its name ends in .gz.

    Raises:
        InputError: as `open_file`, for a damaged gzip stream, and for more than `unpacked_bytes`.
    """
    path = as_path(path)
    with open_file(path) as file:
        if path.suffix.lower() != ".gz":
            while block := file.read(BLOCK):
                yield block
            return
        yield from _unzipped(file, path)


def _unzipped(file: BinaryIO, path: Path | str) -> Iterator[bytes]:
    total = 0
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while block := unpacked.read(BLOCK):
                total += len(block)
                limits.check("unpacked_bytes", total, path)
                yield block
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged or cut short: its gzip stream does not end") from error


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a text file, at most `text_bytes`, unzipped if its name ends in .gz.

    Raises:
        InputError: as `blocks`, and for more than `text_bytes`.
    """
    pieces, total = [], 0
    for block in blocks(path):
        total += len(block)
        limits.check("text_bytes", total, path)
        pieces.append(block)
    return b"".join(pieces)
