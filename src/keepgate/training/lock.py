"""One training at a time in the folder of a run; a lock of the system, which ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate.errors import InputError
from keepgate.store import make_folder, read_file

if TYPE_CHECKING:
    from keepgate.training.distributed import Processes

__all__ = ["alone", "locked"]

NAME = ".training.lock"
PATIENCE = 0.2  # seconds, for one that is just ending


@contextlib.contextmanager
def alone(run: str | Path | None, processes: Processes) -> Iterator[None]:
    """Keep other trainings out of a folder; readers are not kept out.

    Args:
        run: the folder, created if missing; None: there is none.
        processes: that train together.

    Raises:
        InputError: another training uses the folder; raised on all processes.
    """
    with contextlib.ExitStack() as stack:
        if run is not None:
            processes.from_first(lambda: stack.enter_context(locked(Path(run))))
        yield


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other trainings out of a folder, created if missing.

    Raises:
        InputError: another training uses the folder.
    """
    from filelock import FileLock, Timeout

    is_new, path = not run.exists(), make_folder(run) / NAME
    lock = FileLock(path, timeout=PATIENCE, fallback_to_soft=False, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{run} is in use: {_holder(path)} trains into it; wait until it ends, or take another folder"
        ) from None
    except NotImplementedError:  # a file system without locks
        pass
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # before the release: who waits for it notices, and makes another
        lock.release()
        if is_new:
            with contextlib.suppress(OSError):
                run.rmdir()  # nothing was written


def _sign(handle: int) -> None:
    """Write the process number into the lock."""
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())


def _holder(path: Path) -> str:
    with contextlib.suppress(InputError, UnicodeDecodeError):
        if (number := read_file(path, 20).decode("ascii")).isdecimal():
            return f"process {number}"
    return "another process"
