"""The target of a write: which file a name means, and what owner, permissions and time it gets."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from keepgate.errors import InputError, quoted

__all__ = ["Like", "Target", "check_different", "is_stream"]

Like = str | os.PathLike[str] | int  # a path, or the number of an open file
STANDARD_STREAM = "-"
_WITHOUT_MODES = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS}  # FAT, or a file system of a network
_umask_lock = threading.Lock()


@dataclass(frozen=True)
class Target:
    """A file to write.

    Attributes:
        path: with symbolic links followed.
        existing: the file that is there now.
        like: the file whose owner, permissions and time the new one gets.
        to_stdout: it is standard output.
    """

    path: Path
    existing: os.stat_result | None = None
    like: os.stat_result | None = None
    to_stdout: bool = False

    @classmethod
    def of(cls, path: str | os.PathLike[str], like: Like | None = None) -> Target:
        """Return the target that `path` names.

        Raises:
            InputError: the name is none of a file, names a folder, or is the file `like`.
            OSError: its status cannot be read.
        """
        name = os.fspath(path)
        if name == STANDARD_STREAM:
            return cls(Path(name), to_stdout=True)
        if not name or name.endswith(os.sep) or not _encodes(name):
            raise InputError(f"cannot write {quoted(name)}: that is no name of a file; give one")
        existing = _stat(name)
        if existing is not None and stat.S_ISDIR(existing.st_mode):
            raise InputError(f"cannot write {name}: it is a folder; give the name of a file")
        model = None if like is None else os.stat(like)
        if existing is not None and model is not None and os.path.samestat(existing, model):
            raise InputError(f"cannot write {name}: it is the file that is read; give another name")
        return cls(Path(os.path.realpath(name)), existing, model, existing is not None and _is_stdout(existing))

    @property
    def is_stream(self) -> bool:
        """Whether it is a device, a pipe or standard output, which is written to and not replaced."""
        return self.to_stdout or (self.existing is not None and not stat.S_ISREG(self.existing.st_mode))

    @contextlib.contextmanager
    def stream(self, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
        """Open the device, pipe or standard output of that name; a pipe waits for its reader.

        Raises:
            OSError: it cannot be opened.
        """
        if self.to_stdout:
            if sys.stdout is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            handle = os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
            with os.fdopen(handle, "wb") as file:
                yield file

    def dress(self, handle: int) -> None:
        """Give an open file owner, group, permissions and time: those of `like`, or else of the file that it replaces.

        The time is set only from `like`. A new file gets the permissions that the umask allows.
        """
        if os.name != "posix":
            return
        model = self.like or _stat(self.path)
        mode = 0o666 & ~_umask() if model is None else _own(handle, model)
        try:
            os.fchmod(handle, mode)
        except OSError as error:
            if error.errno not in _WITHOUT_MODES:
                raise
        if self.like is not None:
            os.utime(handle, ns=(self.like.st_atime_ns, self.like.st_mtime_ns))


def check_different(file: str | os.PathLike[str], out: str | os.PathLike[str] | None) -> None:
    """Refuse to write to the file that is read, under whatever name.

    Args:
        file: that is read.
        out: to write; None: none.

    Raises:
        InputError: they are the same file.
    """
    with contextlib.suppress(OSError):  # reading or writing gives a better message
        if out is not None:
            Target.of(out, file)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether writing to `path` goes to a device, a pipe or standard output."""
    with contextlib.suppress(OSError):
        return Target.of(path).is_stream
    return False


def _own(handle: int, model: os.stat_result) -> int:
    """Set owner and group as far as we are allowed, and return the permissions that are right then."""
    mode, now = stat.S_IMODE(model.st_mode) & 0o777, os.fstat(handle)
    for index, name in enumerate(("st_uid", "st_gid")):
        owner = getattr(model, name)
        if owner != getattr(now, name):
            with contextlib.suppress(OSError):
                os.fchown(handle, *((owner, -1) if index == 0 else (-1, owner)))
    if os.fstat(handle).st_gid != model.st_gid:  # another group gets no more than all others
        mode &= ~0o070 | (mode & 0o007) << 3
    return mode


def _umask() -> int:
    """Return the process' umask, which can only be read by setting it: for a moment to a stricter one."""
    with _umask_lock:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def _encodes(name: str) -> bool:
    """Return whether the system can have a file of that name."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _stat(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_stdout(status: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(status, os.fstat(1))
    return False
