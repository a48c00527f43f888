"""Replacing single files, all or nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keepgate.errors import InputError


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file `path` by one that holds `data`, as `replacing` does."""
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to, which replaces the file `path` at the end; a reader sees the old bytes or the new ones.

    The bytes go to a hidden file beside it, reach the disk (fsync), and take the name `path` in one step; what is
    raised meanwhile, an interruption too, removes it. A process killed half way leaves that hidden file behind; the
    next write of the same path takes it over.

    Raises InputError where the folder is missing, not writable or full.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder `path`, made with its parents if missing; InputError where that is not possible."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` reach the disk, where the system can do that for a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
