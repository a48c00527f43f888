"""Files of data, opened in one way: regular files alone, and no more of them in memory than the bounds allow.

Devices, pipes and folders are refused, also behind a link: what has no end must not be read to its end. Bounds are rows
of `keepgate.limits`.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keepgate import limits
from keepgate.errors import InputError, quoted

__all__ = ["as_path", "blocks", "open_file", "read_bytes"]

BLOCK = 2**20  # bytes read at a time
LONGEST_PATH = 4096  # bytes; no system takes longer ones
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def as_path(path: str | os.PathLike[str]) -> Path:
    """The path; InputError for a name that no file can have, such as one with NUL."""
    try:
        given = os.fspath(path)
        encoded = given.encode(errors="strict") if given.isascii() else os.fsencode(given)
    except (UnicodeEncodeError, AttributeError, TypeError):
        raise InputError(f"{quoted(path)} is no path of a file") from None
    if not encoded or b"\0" in encoded or len(encoded) > LONGEST_PATH:
        what = (
            "is empty" if not encoded else "has a NUL" if b"\0" in encoded else f"is over {LONGEST_PATH:,} bytes long"
        )
        raise InputError(f"{quoted(given)} is no path of a file: it {what}")
    return Path(given)


@contextlib.contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A regular file, open to read its bytes; what goes wrong while they are read is InputError too.

    Raises InputError that names the file where it is missing, no regular file, unreadable, or larger than `file_bytes`.
    """
    path = as_path(path)
    try:
        with open(_regular(path), "rb") as file:
            limits.check("file_bytes", os.fstat(file.fileno()).st_size, path)
            yield file
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _regular(path: Path) -> int:
    """A descriptor of a file; InputError for what is none, at once: a pipe without a writer must not make us wait."""
    descriptor = os.open(path, FLAGS)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    kinds = {stat.S_ISDIR: "folder", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    kind = next((words for test, words in kinds.items() if test(mode)), "device")
    raise InputError(f"{path} is a {kind}; give a regular file")


def blocks(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The bytes of a file in blocks of up to 1 MiB, unzipped if its name ends in .gz.

    Raises InputError as `open_file` does, for a damaged gzip stream, and for more than `unpacked_bytes`.
    """
    path = as_path(path)
    with open_file(path) as file:
        if path.suffix.lower() != ".gz":
            while block := file.read(BLOCK):
                yield block
            return
        total = 0
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                while block := unpacked.read(BLOCK):
                    total += len(block)
                    limits.check("unpacked_bytes", total, path)
                    yield block
        except (EOFError, zlib.error) as error:
            raise InputError(f"{path} is damaged or cut short: its gzip stream does not end") from error


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file of text, at most `text_bytes`, unzipped if its name ends in .gz; InputError as `blocks`."""
    found, total = [], 0
    for block in blocks(path):
        total += len(block)
        limits.check("text_bytes", total, path)
        found.append(block)
    return b"".join(found)
