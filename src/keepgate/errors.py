"""The errors that keepgate raises on bad input: one sentence that names the culprit and the remedy.

The command line prints the message of any `KeepgateError` and exits with code 2; nothing else is shown to users.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from keepgate.extras import extra_of

MOST_QUOTED = 80  # characters
MOST_REASON = 200


def quoted(value: object) -> str:
    """Return a value of a user as a message shows it: in Python's notation, cut to 80 characters.

    >>> quoted("x" * 1000)[-4:]
    "...'"
    """
    try:
        text = repr(value[: MOST_QUOTED + 1] if isinstance(value, str | bytes) else value)
    except Exception:  # an integer of more digits than Python prints, or an object that cannot tell what it is
        text = f"<{type(value).__name__}>"
    if len(text) <= MOST_QUOTED:
        return text
    closing = text[0] if text[0] in "'\"" else ""
    return f"{text[: MOST_QUOTED - 3 - len(closing)]}...{closing}"


def listed(values: Iterable[object], most: int = 10) -> str:
    """Return values of a user as a message lists them: each quoted, only the first ten; "nothing" for none.

    >>> listed(range(12), 2)
    '0, 1 and 10 more'
    """
    given = list(values)
    shown = ", ".join(map(quoted, given[:most])) or "nothing"
    return shown if len(given) <= most else f"{shown} and {len(given) - most} more"


def reason(error: BaseException) -> str:
    """Return what an error of another library says, as part of a message: on one line, cut to 200 characters.

    Such a text may hold a value of a user whole.
    """
    text = " ".join(str(error)[: 2 * MOST_REASON].split()) or type(error).__name__
    return text if len(text) <= MOST_REASON else f"{text[: MOST_REASON - 3]}..."


def printable(text: str) -> str:
    """Return text on one line, what steers a terminal (control and formatting characters) escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class KeepgateError(Exception):
    """Base of every error that a user can cause; its message is one line, safe to print to a terminal."""

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


class InputError(KeepgateError, ValueError):
    """Data, a file or an argument is not what was expected."""


class ShapeError(InputError, RuntimeError):
    """A tensor has the wrong shape, dtype or device; a RuntimeError too, as torch raises for its own modules."""


class KindError(InputError, TypeError):
    """An argument is of the wrong Python type; a TypeError too, as Python and torch raise."""


class CellError(KeepgateError, ValueError):
    """The equations of a cell are wrong; the message names the line."""


class BackendError(KeepgateError, RuntimeError):
    """A named engine cannot run here; the message says why."""


class MissingExtraError(KeepgateError, ImportError):
    """A package of an optional extra is not installed."""

    @classmethod
    def of(cls, what: str, error: ModuleNotFoundError) -> ImportError:
        """Return the one line that says which package `what` needs; an error of our own modules stays as it is."""
        if (error.name or "").startswith("keepgate"):
            return error
        extra = extra_of(error.name) or "train"
        return cls(f"{what} needs {error.name}, which is not installed; run: pip install 'keepgate[{extra}]'")


@contextlib.contextmanager
def checkpoint_blamed(folder: object, what: str) -> Iterator[None]:
    """Inside, whatever is raised becomes an InputError that names a checkpoint's folder and the remedy.

    Args:
        folder: of the checkpoint.
        what: it is of, "training" or "search".
    """
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, KeepgateError) else f"{type(error).__name__}: "
        raise InputError(
            f"{folder} is no {what} to go on with: {kind}{reason(error)}; remove that folder to start again"
        ) from error
