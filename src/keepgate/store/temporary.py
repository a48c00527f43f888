"""Hidden files that a write goes to first: never another's file, and none is left behind for long.

A name is `.NAME.<16 random hexadecimal digits>.keepgate`. The writer holds a lock on its file, which ends with the
process; so a file of that name without a lock was left by a process that was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from keepgate.store import flock

__all__ = ["create", "remove_dead"]

LONGEST = 200  # bytes of a name that the hidden name repeats; file systems allow 255 in all
SUFFIX = ".keepgate"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_SEEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def create(target: Path) -> tuple[int, Path]:
    """Open a new empty file in the folder of `target`, for its owner alone, and lock it."""
    while True:
        path = target.with_name(f"{_prefix(target)}{secrets.token_hex(8)}{SUFFIX}")
        handle = os.open(path, _NEW, 0o600)
        try:
            ours = flock.take(handle) is not False and _is(handle, path)
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        if ours:
            return handle, path
        os.close(handle)  # another writer took it for one of the dead, before it was locked


def remove_dead(target: Path) -> None:
    """Remove the files left by killed writers of `target`; one that may belong to a living writer stays."""
    name = re.compile(rf"{re.escape(_prefix(target))}[0-9a-f]{{16}}{re.escape(SUFFIX)}")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if name.fullmatch(entry.name):
                _remove_if_dead(target.with_name(entry.name))


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, _SEEN)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode) and flock.take(handle) and _is(handle, path):
                path.unlink()
        finally:
            os.close(handle)


def _prefix(target: Path) -> str:
    raw = os.fsencode(target.name)
    return f".{target.name if len(raw) <= LONGEST else hashlib.sha256(raw).hexdigest()}."


def _is(handle: int, path: Path) -> bool:
    """Return whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
