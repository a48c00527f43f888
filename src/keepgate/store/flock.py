"""Locks that end with the process that holds them: flock, where the system and the file system have it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["locked", "take"]


def take(handle: int, *, wait: bool = False) -> bool | None:
    """Lock an open file or folder.

    Args:
        handle: of the file or folder.
        wait: until it is unlocked.

    Returns:
        Whether the lock is ours now; None if there are no such locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder while inside; where there are no such locks, others may be inside too.

    Raises:
        OSError: the folder cannot be opened.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        take(handle, wait=True)
        yield
    finally:
        os.close(handle)
