"""Manifests of recordings with segments, and single recordings.

CSV with a header, or JSON lines, plain or gzipped; files are relative to the manifest. Either a row for each recording,
`path` and `segments`, the file of its segments (in JSON lines also the list itself); or a row for each segment, `path`,
`start`, `end`, `label`, where a row without start and end is a recording with none. Or an .rttm file, whose recordings
lie beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keepgate.data.audio.files import read_audio
from keepgate.data.files import as_path
from keepgate.data.recordings.manifest import Skipped, is_manifest, manifest_cell, manifest_rows
from keepgate.data.recordings.segments import Segment, as_segment, in_order, read_rttm, read_segments
from keepgate.errors import InputError

__all__ = ["Recordings", "read_recordings"]

SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64")
BEYOND = 0.1  # seconds that a segment may end after its recording does, for segments are rounded

Rows = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Recordings:
    """Recordings, and their segments if these were read.

    Attributes:
        contents: samples [N] float32 of each.
        rate: in Hz.
        names: path of each.
        segments: of each; None: they were not read.
        skipped: the recordings of a manifest that were left out, by their first row.
        sources: the cell of each in the column of groups, such as who speaks, or None.
    """

    contents: list[np.ndarray]
    rate: int
    names: list[str]
    segments: list[list[Segment]] | None = None
    skipped: tuple[Skipped, ...] = ()
    sources: list[str] | None = None

    def __len__(self) -> int:
        return len(self.contents)


def read_recordings(
    path: str | Path,
    *,
    path_column: str = "path",
    segments_column: str = "segments",
    group_column: str | None = None,
    rate: int | None = None,
    skip_bad: bool = False,
    labelled: bool = True,
) -> Recordings:
    """Read a manifest and every file in it; or, where no segments are read, also one recording.

    Args:
        path: of the manifest or the recording.
        path_column: the column of paths.
        segments_column: the column of segments, or of their files.
        group_column: the column that names who speaks, or the place, if there is one; read only with segments.
        rate: in Hz, to resample to; None: that of the first recording, which all must have then.
        skip_bad: leave out recordings that cannot be used, and list them in `skipped`, instead of raising for the
            first.
        labelled: whether segments are read.

    Raises:
        InputError: a recording or its segments cannot be used; the message names manifest and row, or the recording.
    """
    path = as_path(path)
    if not labelled and not (is_manifest(path) or is_rttm(path)):
        samples, sample_rate = read_audio(path, rate)
        return Recordings([samples], sample_rate, [str(path)])
    usable: list[tuple[np.ndarray, int, str, list[Segment], str]] = []
    skipped: list[Skipped] = []
    for name, rows in _by_recording(path, "path" if is_rttm(path) else path_column).items():
        number = rows[0][0]
        try:
            samples, sample_rate = read_audio(path.parent / as_path(name), rate)
            if usable and sample_rate != usable[0][1]:
                _, first_rate, first_name, *_ = usable[0]
                raise InputError(
                    f"{name} has {sample_rate} Hz, but {first_name} {first_rate} Hz; give --rate to resample them all"
                )
            segments = _segments(path, name, rows, segments_column, len(samples) / sample_rate) if labelled else []
            source = manifest_cell(rows[0][1], group_column) if group_column and labelled else ""
        except InputError as error:
            if not skip_bad:
                raise InputError(f"{path}, row {number}: {error}") from error
            skipped.append(Skipped(str(path), number, str(error)))
        else:
            usable.append((samples, sample_rate, name, segments, source))
    if not usable:
        raise InputError(f"{path} has no row" + (" that can be used" if skipped else ""))
    contents, rates, names, segments, sources = map(list, zip(*usable, strict=True))
    known = sources if group_column and labelled else None
    return Recordings(contents, rates[0], names, segments if labelled else None, tuple(skipped), known)


def _by_recording(path: Path, column: str) -> dict[str, Rows]:
    """Return the rows of each recording."""
    groups: dict[str, Rows] = {}
    for number, row in _rttm_rows(path) if is_rttm(path) else manifest_rows(path):
        try:
            name = manifest_cell(row, column).strip()
        except InputError as error:
            raise InputError(f"{path}, row {number}: {error}") from error
        groups.setdefault(name, []).append((number, row))
    return groups


def is_rttm(path: str | Path) -> bool:
    """Return whether the file's name is that of segments of recordings beside it."""
    return Path(path).suffix.lower() == ".rttm"


def _rttm_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines of an .rttm file as rows of a manifest, with the recordings of these names in its folder."""
    files: dict[str, str] = {}
    for file in sorted(path.parent.iterdir()):
        if file.suffix.lower() in SOUNDS:
            files.setdefault(file.stem, file.name)
    for number, row in read_rttm(path):
        name = row.pop("recording")
        yield number, {"path": files.get(name, f"{name}.wav"), **row}


def _segments(manifest: Path, name: str, rows: Rows, column: str, seconds: float) -> list[Segment]:
    """Return the segments of a recording of that many seconds."""
    first = rows[0][1]
    if "start" in first and column not in first:
        segments = [_of_row(number, row) for number, row in rows if row["start"] not in (None, "")]
    elif len(rows) > 1:
        raise InputError(f"the recording is in row {rows[1][0]} too")
    elif isinstance(listed := first.get(column), Sequence) and not isinstance(listed, str):
        segments = [as_segment(item) for item in listed]
    else:
        segments = read_segments(manifest.parent / as_path(manifest_cell(first, column).strip()), Path(name).stem)
    for segment in segments:
        if segment.end > seconds + BEYOND:
            raise InputError(f"a segment ends at {segment.end:g} s, but the recording at {seconds:g} s")
    return in_order(segments)


def _of_row(number: int, row: Mapping[str, Any]) -> Segment:
    try:
        return as_segment(row)
    except InputError as error:
        raise InputError(f"row {number}: {error}") from error
