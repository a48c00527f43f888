"""Replacing single files, all or nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from keepgate.errors import InputError
from keepgate.store import temporary
from keepgate.store.target import Like, Target

__all__ = ["make_folder", "replacing", "sync_folder", "write_atomic"]


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file `path` by one that holds `data`, as `replacing` does."""
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, like: Like | None = None) -> Iterator[BinaryIO]:
    """Open a file that replaces the file `path` at the end; a reader sees the old bytes or the new ones.

    The bytes go to a hidden file in the same folder that only its owner may read, reach the disk (fsync), and take the
    name `path` in one step; an error or interruption removes it. A process that is killed leaves that hidden file
    behind; the next write of the same path removes it. Of two writers at once, the last one's file stays.

    A symbolic link stays, and its target is replaced. Devices, pipes and standard output ("-") are written to directly.

    Args:
        path: of the file.
        like: a file that is read, whose owner, group, permissions and time the new file gets; it must not be `path`. By
            default the new file has owner, group and permissions of the one it replaces.

    Raises:
        InputError: the name is a folder's, or the folder is missing, not writable or full.
    """
    try:
        target = Target.of(path, like)
        with target.stream(path) if target.is_stream else _replaced(target) as file:
            yield file
    except BrokenPipeError:
        raise  # the reader of a pipe has gone, which is no fault
    except OSError as error:
        raise InputError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


@contextlib.contextmanager
def _replaced(target: Target) -> Iterator[BinaryIO]:
    temporary.remove_dead(target.path)
    handle, beside = temporary.create(target.path)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            target.dress(handle)
            os.fsync(handle)
            if os.name != "posix":  # elsewhere an open file cannot be renamed; here its lock has to last until it is
                file.close()
            os.replace(beside, target.path)
        sync_folder(target.path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder `path`, created with its parents if missing.

    Raises:
        InputError: it cannot be created.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` reach the disk, if the system can do that for a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
