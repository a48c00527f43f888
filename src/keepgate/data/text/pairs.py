"""Pairs of texts, a source and its target, in files: TSV and JSON lines, plain or gzipped.

TSV: a pair a line, the source, a tab and the target, no header. JSON lines: `{"source": "...", "target": "..."}` a
line. Two parallel files, a text a line, have one name up to their suffixes: `train.de` and `train.en`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keepgate.data.files import as_path
from keepgate.data.lines import json_objects, read_lines
from keepgate.errors import InputError

__all__ = ["Pairs", "read_pairs"]

EXAMPLE = '{"source": "...", "target": "..."}'
SIDES = ("source", "target")


@dataclass(frozen=True)
class Pairs:
    """N sources, and as many targets (None: they were not read)."""

    sources: list[str]
    targets: list[str] | None

    def __len__(self) -> int:
        return len(self.sources)


def read_pairs(
    path: str | Path, labelled: bool = True, source_suffix: str | None = None, target_suffix: str | None = None
) -> Pairs:
    """Read pairs of texts.

    Args:
        path: of the file; of two parallel files their name without its suffix.
        labelled: whether targets are read; without, sources alone are, even if there are targets.
        source_suffix: of the file of the sources, such as "de"; None: there is one file.
        target_suffix: of the file of the targets.

    Raises:
        InputError: there is no row, a row has no tab, a side is empty, parallel files have different numbers of lines,
            or one suffix is given and the other is not; the message names file and line.
    """
    path = as_path(path)
    if (source_suffix is None) != (target_suffix is None):
        raise InputError("two parallel files have two suffixes: give both source_suffix and target_suffix, or neither")
    if source_suffix is not None and target_suffix is not None and not path.is_file():
        return _parallel(path, source_suffix, target_suffix, labelled)
    rows = _json if path.name.lower().removesuffix(".gz").endswith((".jsonl", ".json")) else _columns
    pairs = []
    for number, row in rows(path):
        if labelled and len(row) != len(SIDES):
            raise InputError(
                f"{path}, line {number}: {len(row)} columns; a row is a source, a tab and its target, or {EXAMPLE}"
            )
        for side, text in zip(SIDES, row[: 1 + labelled], strict=False):
            _check(path, number, side, text)
        pairs.append(row)
    if not pairs:
        raise InputError(f"{path} has no row; a row is a source, a tab and its target, or {EXAMPLE}")
    return Pairs([row[0] for row in pairs], [row[1] for row in pairs] if labelled else None)


def _check(path: Path, number: int, side: str, text: str) -> None:
    if not text.strip():
        raise InputError(f"{path}, line {number}: the {side} is empty; leave the row out or fill it in")


def _parallel(path: Path, source_suffix: str, target_suffix: str, labelled: bool) -> Pairs:
    found = []
    for side, suffix in [*zip(SIDES, (source_suffix, target_suffix), strict=True)][: 1 + labelled]:
        file = path.with_name(f"{path.name}.{suffix.removeprefix('.')}")
        if not file.exists() and (zipped := file.with_name(f"{file.name}.gz")).exists():
            file = zipped
        lines = list(read_lines(file))
        while lines and not lines[-1].strip():
            lines.pop()
        for number, line in enumerate(lines, start=1):
            _check(file, number, side, line)
        if not lines:
            raise InputError(f"{file} has no line; a line is a {side}")
        found.append((file, lines))
    (file, sources), (other, targets) = found[0], found[-1]
    if len(sources) != len(targets):
        raise InputError(f"{file} has {len(sources)} lines and {other} has {len(targets)}; line by line they are pairs")
    return Pairs(sources, targets if labelled else None)


def _columns(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and columns of each row; blank lines at the end of the file are ignored."""
    blank: tuple[int, str] | None = None  # the first since the last row
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            blank = blank or (number, line)
            continue
        for at, row in (blank, (number, line)) if blank else ((number, line),):
            yield at, row.split("\t")
        blank = None


def _json(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, row in json_objects(path, EXAMPLE):
        texts = [row[side] for side in SIDES if side in row]
        if "source" not in row or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{path}, line {number}: no texts such as {EXAMPLE}")
        yield number, texts
