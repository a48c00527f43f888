"""Manifests: a row for each utterance, with the path of its file or its pen strokes, and its text.

CSV with a header, or JSON lines, plain or gzipped. Columns `path` (relative to the manifest) or, in JSON lines,
`strokes` (a list of strokes, each a list of [x, y], y upward), `text`, and whatever else, which is passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keepgate import limits
from keepgate.data.arrays import LARGEST, numbers_of
from keepgate.data.audio.files import read_audio
from keepgate.data.files import as_path
from keepgate.data.ink.inkml import read_inkml
from keepgate.data.lines import check_row, csv_rows, json_objects
from keepgate.errors import InputError, listed, quoted, reason

__all__ = [
    "MANIFESTS",
    "Skipped",
    "Utterances",
    "is_manifest",
    "manifest_cell",
    "manifest_rows",
    "read_manifest",
    "read_one",
    "read_utterances",
    "skipped_file",
]

INK_FILES = (".inkml",)
MANIFESTS = (".csv", ".jsonl", ".json")  # also .gz
EXAMPLE = '{"path": "a.wav", "text": "one"} or {"strokes": [[[0, 0], [3, 7]]], "text": "one"}'

Content = np.ndarray | list[np.ndarray]  # samples [N], or strokes [points, 2]


class Skipped(NamedTuple):
    """A row that was left out."""

    file: str
    row: int
    reason: str


def skipped_file(skipped: Sequence[Skipped]) -> tuple[str, bytes]:
    """Return a description and the bytes of a file of skipped rows, a table of comma-separated values."""
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([Skipped._fields, *skipped])
    return f"{len(skipped)} rows left out", lines.getvalue().encode()


@dataclass(frozen=True)
class Utterances:
    """The contents of a manifest.

    Attributes:
        kind: "audio" or "ink".
        contents: samples [N] float32 of each, or its strokes.
        rate: of the samples in Hz; None for ink.
        texts: of each; None: they were not read.
        names: path, or number of the row.
        groups: the cell of each in the column of sessions, or None.
        path: of the manifest, if there is one.
        numbers: of its rows.
        skip_bad: whether rows that cannot be used are left out.
        skipped: those that were left out.
        sources: the cell of each in the column of groups, such as who speaks, or None.
    """

    kind: str
    contents: list[Content]
    rate: int | None
    texts: list[str] | None
    names: list[str]
    groups: list[str] | None = None
    path: str | None = None
    numbers: list[int] | None = None
    skip_bad: bool = False
    skipped: tuple[Skipped, ...] = ()
    sources: list[str] | None = None

    def __len__(self) -> int:
        return len(self.contents)

    def where(self, index: int) -> str:
        """Return how a message names an utterance: by file and row, if it has them."""
        return self.names[index] if self.numbers is None else f"{self.path}, row {self.numbers[index]}"

    def part(self, indices: Sequence[int]) -> Utterances:
        """Return some of the utterances."""
        lists = ("contents", "texts", "names", "groups", "numbers", "sources")
        whole = {name: getattr(self, name) for name in lists}
        return replace(self, **{name: v if v is None else [v[i] for i in indices] for name, v in whole.items()})

    def without(self, reasons: dict[int, str]) -> Utterances:
        """Return all utterances but those that something is wrong with, which are added to `skipped`.

        Args:
            reasons: what is wrong, by index.

        Raises:
            InputError: `skip_bad` is false, or nothing is left; the message names the first.
        """
        if not reasons:
            return self
        first = min(reasons)
        if not self.skip_bad:
            raise InputError(f"{self.where(first)}: {reasons[first]}")
        if len(reasons) == len(self):
            raise InputError(
                f"{self.path} has no row that can be used; the first, {self.where(first)}: {reasons[first]}"
            )
        more = tuple(
            Skipped(self.path or "", i if self.numbers is None else self.numbers[i], reason)
            for i, reason in sorted(reasons.items())
        )
        usable = self.part([i for i in range(len(self)) if i not in reasons])
        return replace(usable, skipped=(*self.skipped, *more))


@dataclass(frozen=True)
class _Row:
    number: int
    name: str
    kind: str
    content: Content
    rate: int | None
    text: str | None
    group: str | None
    source: str | None


def read_manifest(
    path: str | Path,
    *,
    path_column: str = "path",
    text_column: str = "text",
    session_column: str | None = None,
    group_column: str | None = None,
    rate: int | None = None,
    skip_bad: bool = False,
    labelled: bool = True,
) -> Utterances:
    """Read a manifest and every file in it.

    Args:
        path: of the manifest.
        path_column: the column of paths.
        text_column: the column of texts.
        session_column: the column that names the session (a speaker, a writer), if there is one.
        group_column: the column that names who speaks or writes, if there is one; read only with texts.
        rate: in Hz, to resample recordings to; None: that of the first, which all must have then.
        skip_bad: leave out rows that cannot be used, and list them in `skipped`, instead of raising for the first.
        labelled: whether texts must be there.

    Raises:
        InputError: a row has no path or strokes, an empty text, another rate or kind than the first; a file is missing,
            broken, silent or too long; ink is a single point; or no row can be used. The message names manifest and
            row.
    """
    path = as_path(path)
    rows: list[_Row] = []
    skipped: list[Skipped] = []
    for number, cells in manifest_rows(path):
        try:
            text = _text(cells, text_column) if labelled else None
            group = manifest_cell(cells, session_column) if session_column else None
            source = manifest_cell(cells, group_column) if group_column and labelled else None
            name, kind, content, sample_rate = _content(path, number, cells, path_column, rate)
            row = _Row(number, name, kind, content, sample_rate, text, group, source)
            _check_like(row, rows)
        except InputError as error:
            if not skip_bad:
                raise InputError(f"{path}, row {number}: {error}") from error
            skipped.append(Skipped(str(path), number, str(error)))
        else:
            rows.append(row)
    if not rows:
        raise InputError(f"{path} has no row" + (" that can be used" if skipped else ""))
    return Utterances(
        rows[0].kind,
        [row.content for row in rows],
        rows[0].rate,
        [row.text or "" for row in rows] if labelled else None,
        [row.name for row in rows],
        [row.group or "" for row in rows] if session_column else None,
        str(path),
        [row.number for row in rows],
        skip_bad,
        tuple(skipped),
        [row.source or "" for row in rows] if group_column and labelled else None,
    )


def read_utterances(path: str | Path, *, rate: int | None = None, labelled: bool = True, **columns: Any) -> Utterances:
    """Read a manifest and every file in it; or, where no texts are read, also one recording or .inkml file.

    Args:
        path: of the manifest or the file; "-" is a recording on standard input.
        rate: as in `read_manifest`.
        labelled: whether texts are read.
        columns: further arguments of `read_manifest`.

    Raises:
        InputError: as `read_manifest` and `read_one`.
    """
    if labelled or is_manifest(path):
        return read_manifest(path, rate=rate, labelled=labelled, **columns)
    kind, content, file_rate = read_one(path, rate)
    return Utterances(kind, [content], file_rate, None, [str(path)])


def read_one(path: str | Path, rate: int | None = None) -> tuple[str, Content, int | None]:
    """Read a recording or an .inkml file, and return its kind, its content, and the rate of the samples."""
    if Path(path).suffix.lower() in INK_FILES:
        return "ink", as_strokes(read_inkml(path)), None
    return "audio", *read_audio(path, rate)


def as_strokes(ink: Any) -> list[np.ndarray]:
    """Return strokes as arrays [points, 2].

    Raises:
        InputError: a stroke is no list of points, a coordinate is not finite or beyond 1e100, or all are a single
            point.
    """
    try:
        ink = list(ink)
        count = sum(map(len, ink))
    except Exception as error:  # of whatever object it is
        raise InputError(f"strokes are lists of points [x, y]: {reason(error)}") from error
    limits.check("ink_points", count, "the ink")
    try:
        strokes = [numbers_of(stroke) for stroke in ink]
    except Exception as error:
        raise InputError(f"strokes are lists of points [x, y]: {reason(error)}") from error
    for i, stroke in enumerate(strokes, start=1):
        if stroke.ndim != 2 or stroke.shape[1] < 2 or not len(stroke):
            raise InputError(f"stroke {i} is no list of points [x, y]")
        if not (np.abs(stroke) <= LARGEST).all():
            raise InputError(f"stroke {i} has a coordinate that is not finite, or beyond {LARGEST:g}")
    strokes = [stroke[:, :2] for stroke in strokes]
    if len({tuple(point) for stroke in strokes for point in stroke.tolist()}) < 2:
        raise InputError("the ink is a single point: there is no line to read")
    return strokes


def is_manifest(path: str | Path) -> bool:
    """Return whether the file's name is that of a manifest."""
    return Path(path).name.lower().removesuffix(".gz").endswith(MANIFESTS)


def manifest_rows(path: Path) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Yield the rows of a manifest, counted from 1 without the header.

    Raises:
        InputError: the file is no manifest.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".json")):
        yield from json_objects(path, EXAMPLE)
    elif name.endswith(".csv"):
        yield from csv_rows(path)
    else:
        raise InputError(f"{path} is no manifest: give a file that ends in .csv or .jsonl (also .gz)")


def manifest_cell(row: dict[str, Any], column: str) -> str:
    """Return the text of a row in a column.

    Raises:
        InputError: the column is not there, in which case the message names those that are; or the cell is missing.
    """
    check_row(row)
    if column not in row:
        raise InputError(f"there is no column {quoted(column)}, but {listed(k for k in row if k)}")
    if row[column] is None:
        raise InputError(f"there is nothing in column {quoted(column)}")
    return str(row[column])


def _text(row: dict[str, Any], column: str) -> str:
    text = manifest_cell(row, column).strip()
    if not text:
        raise InputError(f"the text in column {quoted(column)} is empty")
    return text


def _content(
    manifest: Path, number: int, row: dict[str, Any], column: str, rate: int | None
) -> tuple[str, str, Content, int | None]:
    if row.get("strokes") is not None:
        return f"row {number}", "ink", as_strokes(row["strokes"]), None
    name = manifest_cell(row, column).strip()
    if not name:
        raise InputError(f"the path in column {quoted(column)} is empty")
    return name, *read_one(manifest.parent / as_path(name), rate)


def _check_like(row: _Row, rows: list[_Row]) -> None:
    """Check that a manifest is of one kind, and its recordings of one rate."""
    if not rows:
        return
    first = rows[0]
    if row.kind != first.kind:
        raise InputError(f"{row.name} is {row.kind}, but row {first.number} {first.kind}; make a manifest of each")
    if row.rate != first.rate:
        raise InputError(
            f"{row.name} has {row.rate} Hz, but row {first.number} {first.rate} Hz; give --rate to resample them all"
        )
