"""Pen strokes in InkML files (W3C recommendation "Ink Markup Language", 2011), the traces with explicit values."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from keepgate import limits
from keepgate.data.files import as_path, blocks
from keepgate.errors import InputError, reason

__all__ = ["read_inkml"]


def read_inkml(path: str | Path) -> list[np.ndarray]:
    """Read the strokes [points, 2] of all traces, y upward (in the file it grows downward, as on a screen).

    Points are separated by commas, values by space, X and Y first.

    Raises:
        InputError: a trace is written in another way, such as by differences (' and "); or there are more than
            `text_bytes` or `ink_points`. The message names file and trace.
    """
    path = as_path(path)
    traces = _Traces(path)
    parser = ElementTree.XMLParser(target=traces)
    size = 0
    try:
        for block in blocks(path):
            size += len(block)
            limits.check("text_bytes", size, path)
            parser.feed(block)
        parser.close()
    except InputError:
        raise
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is no XML: {reason(error)}") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"{path} has an encoding that is not read ({reason(error)}): convert it to UTF-8") from error
    if not traces.strokes:
        raise InputError(f"{path} has no trace")
    return traces.strokes


class _Traces:
    """The target of the XML parser's events: keeps the strokes of traces, and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.strokes: list[np.ndarray] = []
        self.points = self.size = 0
        self.text: list[str] | None = None  # of the open trace, up to an element in it

    def start(self, tag: str, _: dict[str, str]) -> None:
        self._close()
        if tag.rpartition("}")[2] == "trace":
            self.text = []

    def data(self, text: str) -> None:
        if self.text is not None:
            self.size += len(text)  # entities may make much of a small file
            limits.check("text_bytes", self.size, self.path)
            self.text.append(text)

    def end(self, _: str) -> None:
        self._close()

    def _close(self) -> None:
        if self.text is None:
            return
        text, self.text = "".join(self.text), None
        self.points += text.count(",") + 1
        limits.check("ink_points", self.points, self.path)
        self.strokes.append(_stroke(self.path, len(self.strokes) + 1, text))


def _stroke(path: str | Path, number: int, text: str) -> np.ndarray:
    try:
        points = [[float(value) for value in point.split(maxsplit=2)[:2]] for point in text.split(",")]
        stroke = np.array(points, dtype=np.float64)
        if stroke.ndim != 2 or stroke.shape[1] != 2 or not np.isfinite(stroke).all():
            raise ValueError("points are not pairs of finite numbers")
    except ValueError as error:
        raise InputError(f"{path}, trace {number}: {reason(error)}; expected 'x y, x y, ...'") from error
    return stroke * [1.0, -1.0]
