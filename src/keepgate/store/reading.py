"""Reading files: regular ones only, and never more than a bound of bytes."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import BinaryIO

from keepgate import limits
from keepgate.errors import InputError, quoted

__all__ = ["open_regular", "read_file", "standard_input"]

LONGEST_PATH = 4096  # characters of a path that a message shows whole
FLAGS = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"))  # as the system has
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or a link to one, to read its bytes, without ever waiting for a pipe or a device.

    An error of later reads is an `InputError` that names the file, too.

    Raises:
        InputError: there is no file, or it cannot be read, or it is a folder, a pipe, a socket or a device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | FLAGS)
    except (OSError, ValueError) as error:  # ValueError: a character that no path has
        raise InputError(f"{shown(path)} cannot be read: {strerror(error)}") from error
    try:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind == stat.S_IFREG:
            return io.BufferedReader(_Reader(handle, path))
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    raise InputError(f"{shown(path)} cannot be read: it is {KINDS.get(kind, 'something else')}, not a file")


def read_file(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """Return the bytes of a regular file; its size is checked before memory is allocated.

    Args:
        path: of the file.
        limit: the largest plausible number of bytes; by default the bound `file_bytes` of `keepgate.limits`.

    Raises:
        InputError: the file is missing, unreadable, not regular (see `open_regular`), or larger.
    """
    most = limits.limit("file_bytes") if limit is None else limit
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > most else file.read(size + 1)
        while size < len(data) <= most:  # it is growing, or is one of those that report size 0
            more = file.read(min(len(data), most + 1 - len(data)))
            if not more:
                return data
            data += more
    size = max(size, len(data))
    if size <= most:
        return data
    if limit is None:
        limits.check("file_bytes", size, shown(path))
    raise InputError(f"{shown(path)} has {size} bytes, more than the {most} that can be right; is it another file?")


def standard_input() -> BinaryIO:
    """Return standard input, to read the bytes of a file from.

    Raises:
        InputError: it is closed, or a terminal, where nobody types a file.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("standard input is a terminal or closed: name a file, or pipe one in")
    return sys.stdin.buffer


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as a message names it: whole, unless no system has one of that length."""
    text = os.fspath(path)
    return text if len(text) <= LONGEST_PATH else quoted(text)


def strerror(error: Exception) -> str:
    """Return the system's reason, without the path that Python adds."""
    return getattr(error, "strerror", None) or str(error)


class _Reader(io.FileIO):
    """A file whose errors name it."""

    def __init__(self, handle: int, path: str | os.PathLike[str]) -> None:
        super().__init__(handle)
        self.path = path

    def readinto(self, buffer, /):
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise InputError(f"{shown(self.path)} cannot be read: {strerror(error)}") from error

    def readall(self):
        try:
            return super().readall()
        except OSError as error:
            raise InputError(f"{shown(self.path)} cannot be read: {strerror(error)}") from error
