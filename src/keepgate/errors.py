"""What keepgate raises on bad input: one sentence that names the culprit and the remedy.

The command line prints the message of any `KeepgateError` and exits with code 2; nothing else is shown to users.
"""

from __future__ import annotations


class KeepgateError(Exception):
    """Base of every error that a user can cause."""


class InputError(KeepgateError, ValueError):
    """Data, a file or an argument is not what was expected."""


class CellError(KeepgateError, ValueError):
    """The equations of a cell are wrong; the message names the line."""


class BackendError(KeepgateError, RuntimeError):
    """A named engine cannot run here; the message says why."""


class MissingExtraError(KeepgateError, ImportError):
    """A package of an optional extra is not installed."""

    @classmethod
    def of(cls, what: str, error: ModuleNotFoundError) -> ImportError:
        """Return the one line that says which package ``what`` needs; an error of our own modules stays as it is."""
        if (error.name or "").startswith("keepgate"):
            return error
        extra = {"onnx": "export", "constriction": "compress", "sacrebleu": "translate"}.get(error.name or "", "train")
        return cls(f"{what} needs {error.name}, which is not installed; run: pip install 'keepgate[{extra}]'")
