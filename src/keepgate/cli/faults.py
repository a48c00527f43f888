"""What ends a command, as a line on standard error and an exit code; of what nobody foresaw, a file that tells all."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence

import keepgate
from keepgate.cli.stopping import Stopped
from keepgate.errors import KeepgateError, printable
from keepgate.extras import EXTRAS, missing_extra

__all__ = ["Finished", "tell", "versions"]

REFUSED, UNFORESEEN, INTERRUPTED = 2, 70, 130
DEBUG = "KEEPGATE_DEBUG"
MOST = 200  # characters of an error of another library
MEMORY = "there is not enough memory for this; take less data, or a smaller model or batch"
DEPTH = "something is nested too deep to be read: the data, or the equations of a cell"
ENDED = "code that was run, such as the file of a cell, asked Python to exit; take sys.exit out of it"


class Finished(SystemExit):
    """A parser of arguments has printed help, or a mistake of usage."""


def tell(command: str, arguments: Sequence[str], error: BaseException) -> int:
    """Print in one line what ended a command, and return the exit code."""
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        traceback.print_exception(error)
    text, code = _known(error) or (_unforeseen(command, arguments, error), UNFORESEEN)
    print(f"keepgate {command}: {text}", file=sys.stderr)
    return code


def versions() -> Iterator[tuple[str, str]]:
    """Names and versions of keepgate, Python, the machine and every package that keepgate uses."""
    yield "keepgate", keepgate.__version__
    yield "python", platform.python_version()
    yield "machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    for name in ["numpy", "safetensors", *(name for packages in EXTRAS.values() for name in packages.values())]:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not installed"


def _known(error: BaseException) -> tuple[str, int] | None:
    """Sentence and exit code of an error with a known cause."""
    match error:
        case KeepgateError():
            return str(error), REFUSED
        case ModuleNotFoundError() if reason := missing_extra(error.name):
            return reason, REFUSED
        case Stopped():
            return str(error), 128 + error.number
        case KeyboardInterrupt():
            return "interrupted", INTERRUPTED
        case SystemExit():
            return ENDED, REFUSED
        case RecursionError():
            return DEPTH, REFUSED
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"cannot write what it printed, or another file: {error.strerror}", REFUSED
    return (MEMORY, REFUSED) if _is_of_memory(error) else None


def _is_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, also torch's: of a GPU, or by the words of its allocator."""
    of_torch = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or of_torch


def _unforeseen(command: str, arguments: Sequence[str], error: BaseException) -> str:
    what = " ".join("".join(traceback.format_exception_only(error)).split())
    what = printable(what if len(what) <= MOST else f"{what[: MOST - 3]}...")
    told = (
        f"command: {shlex.join(['keepgate', command, *arguments])}\n"
        + "".join(f"{name}: {version}\n" for name, version in versions())
        + "\n"
        + "".join(traceback.format_exception(error))
    )
    try:
        handle, path = tempfile.mkstemp(prefix="keepgate-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(told)
    except OSError:
        print(told, file=sys.stderr)
        path = "what is printed above"
    return (
        f"unexpected {what}; this is a fault of keepgate: please report it to the issue tracker of its repository, "
        f"with {path}, which holds the traceback, versions and command"
    )
