"""Texts as they are passed in Python or read from files, and their held-out part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from keepgate.data.files import as_path, read_bytes
from keepgate.errors import InputError


@dataclass(frozen=True)
class TextFile:
    """The bytes of a file, and its name for messages."""

    data: bytes
    name: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file, unzipped if its name ends in .gz.

        Raises:
            InputError: it cannot be read, or is empty.
        """
        path = as_path(path)
        data = read_bytes(path)
        if not data:
            raise InputError(f"{path} is empty: give a text with at least one character")
        return cls(data, str(path))


def as_text(text: Any, units: str) -> Any:
    """Return a text as bytes if the units are bytes, else as a str.

    Raises:
        InputError: it is no text, or not in UTF-8.
    """
    name, data = (text.name, text.data) if isinstance(text, TextFile) else ("the text", text)
    if not isinstance(data, (str, bytes)):
        raise InputError(f"a text is a str or bytes, got {type(data).__name__}")
    if not data:
        raise InputError(f"{name} is empty: give a text with at least one character")
    if units == "bytes" or isinstance(data, str):
        return data.encode() if isinstance(data, str) and units == "bytes" else data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 at byte {error.start}: convert it, or read it by units bytes") from error


def split(text: Any, valid: Any, units: str) -> tuple[Any, Any]:
    """Return the training text and the held-out one: where `valid` is None, the last tenth."""
    whole = as_text(text, units)
    if valid is not None:
        return whole, as_text(valid, units)
    cut = int(0.9 * len(whole))
    if not cut:
        raise InputError("the text has one character: give more, of which the last tenth is held out")
    return whole[:cut], whole[cut:]


def content_of(text: Any) -> str | bytes:
    """Return the content of a file, or the text itself.

    Raises:
        InputError: it is no text.
    """
    content = text.data if isinstance(text, TextFile) else text
    if not isinstance(content, str | bytes):
        raise InputError(f"a text is a str or bytes, got {type(content).__name__}")
    return content
