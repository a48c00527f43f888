"""Labelled stretches of a recording, and the four kinds of files they are kept in.

.csv: a header with `start`, `end` (seconds) and, where there are any, `label` and `confidence`; .json: a list of
objects with these keys; .txt: a label track of Audacity, on each line start, end and label apart by tabs; .rttm: Rich
Transcription Time Marked, on each line ten fields, `SPEAKER recording 1 start length <NA> <NA> label confidence <NA>`,
where the recording is the stem of its file's name, of which there may be several.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keepgate import limits
from keepgate.data.files import as_path
from keepgate.data.lines import check_row, csv_rows, json_value, read_lines, read_text
from keepgate.errors import InputError, listed, quoted

__all__ = ["SPEECH", "Segment", "as_segment", "encode_segments", "read_rttm", "read_segments"]

SPEECH = "speech"  # the label of a segment that names none
NONE = "<NA>"  # a field of .rttm that is not given


class Segment(NamedTuple):
    """A stretch of a recording.

    Attributes:
        start: in seconds.
        end: in seconds.
        label: its name.
        confidence: the probability that a model gives it, 0 to 1, if it comes from one.
    """

    start: float
    end: float
    label: str = SPEECH
    confidence: float | None = None


def read_segments(path: str | Path, recording: str | None = None) -> list[Segment]:
    """Read the segments of a .csv, .json, .txt or .rttm file, in order of time.

    Args:
        path: of the file.
        recording: the stem of its name, of which the segments are read where the file is of several.

    Raises:
        InputError: a row is no segment, or does not end after it starts; the message names file and line.
    """
    path = as_path(path)
    if (suffix := path.suffix.lower()) not in _FORMATS:
        raise InputError(f"{path} is no file of segments: give one that ends in {', '.join(_FORMATS)}")
    read, _ = _FORMATS[suffix]
    rows, segments = list(read(path)), []
    if suffix == ".rttm" and len({row["recording"] for _, row in rows}) > 1:
        rows = [(number, row) for number, row in rows if row["recording"] == recording]
    for number, row in rows:
        try:
            segments.append(as_segment(row))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return in_order(segments)


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Return segments in order of time; of those at one time the surest comes last."""
    return sorted(segments, key=lambda s: (*s[:3], -1.0 if s.confidence is None else s.confidence))


def encode_segments(rows: Sequence[Mapping[str, Any]], suffix: str) -> bytes:
    """Return the bytes of a file of segments.

    Args:
        rows: with the fields of a segment, and any others.
        suffix: of the file: .csv, .json, .txt or .rttm.
    """
    return _FORMATS[suffix][1](rows).encode()


def as_segment(value: Any) -> Segment:
    """Return a segment from a mapping or a sequence of its fields.

    Raises:
        InputError: it is none; the message says why.
    """
    if isinstance(value, Mapping):
        fields = value
        check_row(fields)
    else:
        try:
            fields = {} if isinstance(value, (str, bytes)) else dict(zip(Segment._fields, value, strict=False))
        except Exception:  # of whatever object it is
            raise InputError(f"{quoted(value)} is no segment, such as (0.5, 1.2, 'speech')") from None
    for name in ("start", "end"):
        if name not in fields:
            raise InputError(f"there is no {quoted(name)}, but {listed(fields)}")
    start, end = (_seconds(name, fields[name]) for name in ("start", "end"))
    if not 0 <= start < end:
        raise InputError(f"a segment from {start:g} s to {end:g} s; it has to start at 0 or later, and then to end")
    confidence = fields.get("confidence")
    label = str(fields.get("label") or "").strip() or SPEECH
    limits.check("label_characters", len(label), f"the label {quoted(label)}")
    return Segment(start, end, label, None if confidence in (None, "") else _seconds("confidence", confidence))


def _seconds(name: str, text: Any) -> float:
    try:
        seconds = float(text)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InputError(f"{name} is {quoted(text)}, which is no number")
    return seconds


# Readers give the number of a line and its fields, writers the text of a file.


def _read_csv(path: Path) -> Iterator[tuple[int, Any]]:
    return ((number + 1, row) for number, row in csv_rows(path))


def _read_json(path: Path) -> Iterator[tuple[int, Any]]:
    rows = json_value(read_text(path), str(path))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f'{path} is no list of segments such as [{{"start": 0.5, "end": 1.2, "label": "speech"}}]')
    return enumerate(rows, start=1)


def _read_track(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip() and not line.startswith("\\"):  # such lines tell the frequencies of the label before
            yield number, line.split("\t")[:3]


def read_rttm(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line of an .rttm file, and its segment's fields with that of its `recording`.

    Raises:
        InputError: a line has too few fields, or times that are no numbers; the message names file and line.
    """
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":  # comments, and what is said of speakers elsewhere
            continue
        if len(fields) < 8:
            raise InputError(f"{path}, line {number}: a line of RTTM has ten fields, but this one {len(fields)}")
        _, recording, _, start, length, _, _, label, *rest = (None if field == NONE else field for field in fields)
        try:
            first, seconds = _seconds("start", start), _seconds("length", length)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        confidence = rest[0] if rest else None
        times = {"start": first, "end": round(first + seconds, 6)}
        yield number, {"recording": recording, **times, "label": label, "confidence": confidence}


def _write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = list(rows[0]) if rows else list(Segment._fields)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write_json(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = (json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in rows)
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n" if rows else "[]\n"


def _write_track(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{row['start']:.6f}\t{row['end']:.6f}\t{' '.join(row['label'].split())}\n" for row in rows)


def _write_rttm(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"SPEAKER {_field(Path(row.get('path') or 'recording').stem)} 1 {row['start']:.3f} "
        f"{row['end'] - row['start']:.3f} {NONE} {NONE} {_field(row['label'])} {_sureness(row)} {NONE}\n"
        for row in rows
    )


def _field(text: str) -> str:
    """Return a text as one field, which has no spaces."""
    return "_".join(text.split()) or NONE


def _sureness(row: Mapping[str, Any]) -> str:
    confidence = row.get("confidence")
    return NONE if confidence is None else f"{confidence:.4f}"


_FORMATS: dict[str, tuple[Any, Any]] = {
    ".csv": (_read_csv, _write_csv),
    ".json": (_read_json, _write_json),
    ".txt": (_read_track, _write_track),
    ".rttm": (read_rttm, _write_rttm),
}
