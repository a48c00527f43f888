"""The `.ts` format of the time-series classification archive (timeseriesclassification.com; aeon and sktime read it).

A header of `@key value` lines, then `@data` and one series a line: the channels separated by colons, the values of a
channel by commas, the class label last. Keys are read in any case; `#` starts a comment line. Time stamps are legal in
the format but not here: they are refused by a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from keepgate import limits
from keepgate.data.arrays import LARGEST
from keepgate.data.files import as_path
from keepgate.data.lines import read_lines
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, listed, quoted

__all__ = ["read_ts"]

COUNT = re.compile("0*[1-9][0-9]{0,17}")


@dataclass
class Header:
    """The declarations before `@data`; None where a line is missing."""

    dimensions: int | None = None
    equal_length: bool = False
    series_length: int | None = None
    labels: set[str] | None = None  # None: the series carry no label
    gaps: bool = False  # whether values may be missing (?); no line of the file says so
    seen: set[str] = field(default_factory=set)


def read_ts(path: str | Path, *, gaps: bool = False) -> Sequences:
    """Read a `.ts` file; ids are 1, 2, ... in the order of the file, and channels are named 1, 2, ... too.

    Labels are text, or None for all if the header says `@classLabel false`.

    Args:
        path: of the file.
        gaps: let values be missing (?); they are NaN.

    Raises:
        InputError: a line breaks the format, has an infinite value, a missing one without `gaps`, or a label that the
            header does not list; the message names file and line.
    """
    path = as_path(path)
    lines = _lines(path)
    header = _read_header(path, lines)
    header.gaps = gaps
    values: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in lines:
        limits.check("columns", line.count(":"), f"{path}, line {number}")
        parts = line.split(":")
        if header.labels is not None:
            labels.append(_label(path, number, parts.pop().strip(), header.labels))
        values.append(_series(path, number, parts, header, values))
    if not values:
        raise InputError(f"{path} has no series after @data")
    names = np.array(labels) if header.labels is not None else None
    channels = [str(i + 1) for i in range(values[0].shape[1])]
    return Sequences(list(range(1, len(values) + 1)), values, names, channels)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number (from 1) and text of every line that is neither empty nor a comment."""
    empty = True
    for number, line in enumerate(map(str.strip, read_lines(path)), start=1):
        empty = empty and not line
        if line and not line.startswith("#"):
            yield number, line
    if empty:
        raise InputError(f"{path} is empty")


def _fail(path: str | Path, number: int, reason: str) -> NoReturn:
    raise InputError(f"{path}, line {number}: {reason}")


def _read_header(path: str | Path, lines: Iterator[tuple[int, str]]) -> Header:
    header = Header()
    for number, line in lines:
        key, *words = line.split()
        key = key.lower()
        if not key.startswith("@"):
            _fail(path, number, "expected a header line that starts with @, or @data")
        if key == "@data":
            if "@classlabel" not in header.seen:
                _fail(path, number, "the header has no @classLabel line")
            return header
        header.seen.add(key)
        _declare(path, number, header, key, words)
    raise InputError(f"{path} has no @data line")


def _declare(path: str | Path, number: int, header: Header, key: str, words: list[str]) -> None:
    """Read one header line; keys that say nothing about the form of the data are ignored."""
    if key == "@timestamps" and _flag(path, number, key, words):
        _fail(path, number, "series with time stamps are not read; resample them to regular steps first")
    elif key == "@targetlabel" and _flag(path, number, key, words):
        _fail(path, number, "@targetLabel marks a regression problem; a class label is needed")
    elif key == "@univariate" and _flag(path, number, key, words):
        header.dimensions = 1
    elif key in ("@dimensions", "@dimension"):
        header.dimensions = _count(path, number, key, words)
    elif key == "@equallength":
        header.equal_length = _flag(path, number, key, words)
    elif key == "@serieslength":
        header.series_length = _count(path, number, key, words)
    elif key == "@classlabel":
        header.labels = set(words[1:]) if _flag(path, number, key, words) else None
        if header.labels is not None and not header.labels:
            _fail(path, number, "@classLabel true is followed by no label")


def _flag(path: str | Path, number: int, key: str, words: list[str]) -> bool:
    if not words or words[0].lower() not in ("true", "false"):
        _fail(path, number, f"{key} is followed by neither true nor false")
    return words[0].lower() == "true"


def _count(path: str | Path, number: int, key: str, words: list[str]) -> int:
    if len(words) != 1 or not COUNT.fullmatch(words[0]):
        _fail(path, number, f"{key} is not followed by a whole number above zero")
    return int(words[0])


def _label(path: str | Path, number: int, label: str, legal: set[str]) -> str:
    if label not in legal:
        _fail(path, number, f"class label {quoted(label)} is none of those in the header's @classLabel line")
    limits.check("label_characters", len(label), f"the class label {quoted(label)} of {path}, line {number},")
    return label


def _series(path: str | Path, number: int, parts: list[str], header: Header, before: list[np.ndarray]) -> np.ndarray:
    """Return one series as [T, C], checked against the header and the series before it."""
    wanted = header.dimensions or (before[0].shape[1] if before else len(parts))
    if len(parts) != wanted:
        _fail(path, number, f"{len(parts)} channels where {wanted} are expected")
    channels = [_numbers(path, number, i + 1, part, header.gaps) for i, part in enumerate(parts)]
    length = len(channels[0])
    if any(len(channel) != length for channel in channels):
        _fail(path, number, f"the channels of one series differ in length: {listed(map(len, channels))}")
    if header.equal_length:
        expected = header.series_length or (len(before[0]) if before else length)
        if length != expected:
            _fail(path, number, f"{length} values a channel where @equalLength true promises {expected}")
    return np.stack(channels, axis=1)


def _numbers(path: str | Path, number: int, channel: int, part: str, gaps: bool) -> np.ndarray:
    if not part.strip():
        _fail(path, number, f"channel {channel} is empty")
    texts = [("nan" if text.strip() == "?" else text) if gaps else text for text in part.split(",")]
    try:
        values = np.array(texts, dtype=np.float64)
    except ValueError:
        culprit = next(text for text in texts if not _is_number(text))
        if culprit.strip() == "?":
            _fail(path, number, f"channel {channel} has a missing value (?); fill the gaps first")
        _fail(path, number, f"channel {channel} has {quoted(culprit.strip())} where a number is expected")
    if not (np.isfinite(values) | (gaps & np.isnan(values))).all():
        _fail(path, number, f"channel {channel} has NaN or an infinite value; fill the gaps first")
    if (np.abs(values) > LARGEST).any():
        _fail(path, number, f"channel {channel} has a value beyond {LARGEST:g}; give it in another unit")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
