"""Pen strokes in InkML files (W3C recommendation "Ink Markup Language", 2011), the traces with explicit values."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from keepgate.errors import InputError

__all__ = ["read_inkml"]


def read_inkml(path: str | Path) -> list[np.ndarray]:
    """Strokes [points, 2] of all traces, y upward (in the file it grows downward, as on a screen).

    Points are separated by commas, values by space, X and Y first. Raises InputError that names file and trace for
    anything else, such as differences (' and ").
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is no XML: {error}") from error
    traces = [element for element in root.iter() if element.tag.rpartition("}")[2] == "trace"]
    if not traces:
        raise InputError(f"{path} has no trace")
    return [_stroke(path, i, trace.text or "") for i, trace in enumerate(traces, start=1)]


def _stroke(path: str | Path, number: int, text: str) -> np.ndarray:
    try:
        points = [[float(value) for value in point.split()[:2]] for point in text.split(",")]
        stroke = np.array(points, dtype=np.float64)
        if stroke.ndim != 2 or stroke.shape[1] != 2 or not np.isfinite(stroke).all():
            raise ValueError("points are not pairs of finite numbers")
    except ValueError as error:
        raise InputError(f"{path}, trace {number}: {error}; expected 'x y, x y, ...'") from error
    return stroke * [1.0, -1.0]
