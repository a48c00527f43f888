"""Faults in the system's calls: the n-th one that touches a folder fails, or is interrupted."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("open", "fdopen", "write", "fchmod", "utime", "fsync", "replace")


class Interrupted(KeyboardInterrupt):
    """In place of a system call."""


ERRORS = (OSError(errno.EIO, "Input/output error"), OSError(errno.ENOSPC, "No space left on device"), Interrupted())


class Faults:
    """Counts the calls of `NAMES` that touch `folder`, and lets the n-th of them raise `error`."""

    def __init__(self, folder: Path, number: int, error: BaseException) -> None:
        self.folder, self.number, self.error = str(folder), number, error
        self.count, self.fired, self.ours = 0, "", set()

    def call(self, name: str) -> None:
        self.count += 1
        if self.count == self.number:
            self.fired = name
            raise self.error

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real = {name: getattr(os, name) for name in NAMES}

        def open_(path, flags, *rest, **options):
            is_ours = isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)
            if is_ours:
                self.call("open")
            handle = real["open"](path, flags, *rest, **options)
            (self.ours.add if is_ours else self.ours.discard)(handle)
            return handle

        def fdopen(handle, mode="r", *rest, **options):
            if handle not in self.ours or mode != "wb":
                return real["fdopen"](handle, mode, *rest, **options)
            return io.BufferedWriter(_raw(handle, self))

        def replace(source, target):
            if os.fspath(target).startswith(self.folder):
                self.call("replace")
            return real["replace"](source, target)

        patch.setattr(os, "open", open_)
        patch.setattr(os, "fdopen", fdopen)
        patch.setattr(os, "replace", replace)
        for name in ("fchmod", "utime", "fsync"):
            patch.setattr(os, name, self._of_handle(name, real[name]))

    def _of_handle(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(handle, *rest, **options):
            if handle in self.ours:
                self.call(name)
            return function(handle, *rest, **options)

        return wrapped


def _raw(handle: int, faults: Faults) -> io.RawIOBase:
    class Raw(io.FileIO):
        def write(self, data):
            faults.call("write")
            return super().write(data)

    return Raw(handle, "wb")


def every_fault(folder: Path, most: int = 200) -> Iterator[Faults]:
    """Faults to run a job with, one after the other, until a job has no call that has not failed yet."""
    for error in ERRORS:
        for number in range(1, most):
            faults = Faults(folder, number, error)
            yield faults
            if not faults.fired:
                break
        else:
            raise AssertionError(f"more than {most} calls")


def attempt(job: Callable[[], Any], faults: Faults) -> BaseException | None:
    """Run a job with these faults; what it raised."""
    with pytest.MonkeyPatch.context() as patch:
        faults.install(patch)
        try:
            job()
        except BaseException as error:
            return error
    return None
