"""Pen strokes as features: of one size, upright and level, in points at equal distances along the pen's path.

The steps are those that made online handwriting recognisable to recurrent networks (Graves et al. 2009, "A Novel
Connectionist System for Unconstrained Handwriting Recognition"; Liwicki & Bunke 2007 for the features).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["FEATURES", "STEP", "features", "normalise", "resample"]

FEATURES = ("dx", "dy", "lift", "y", "turn cosine", "turn sine")
STEP = 0.35  # between points, in deviations of the path's height
STEEP = 1.0  # a piece of the path counts for the slant if it rises more than this a unit of width
LONG = 3.0  # a path counts for the rotation of its line if it is so many times as wide as high

Strokes = Sequence[np.ndarray]  # each [points, 2]: x to the right, y upward


def normalise(strokes: Strokes) -> list[np.ndarray]:
    """Strokes with level lines, upright letters, and height of deviation 1 around 0.

    The deviation is taken along the path, so that it does not depend on the speed of the pen or the device.
    """
    strokes = [np.asarray(stroke, dtype=np.float64) for stroke in strokes]
    strokes = _shear(strokes, _rise(strokes), axis=1)
    strokes = _shear(strokes, _slant(strokes), axis=0)
    y, weight = _along(strokes, 1)
    total = weight.sum()
    middle = (y * weight).sum() / total if total else float(np.mean([s[:, 1].mean() for s in strokes]))
    deviation = np.sqrt((weight * (y - middle) ** 2).sum() / total) if total else 0.0
    left = min(float(stroke[:, 0].min()) for stroke in strokes)
    size = deviation or 1.0  # a dot has no height
    return [(stroke - [left, middle]) / size for stroke in strokes]


def resample(stroke: np.ndarray, step: float = STEP) -> np.ndarray:
    """Points at equal distances of about `step` along a stroke, from its first to its last; one point for a dot."""
    pieces = np.hypot(*np.diff(stroke, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(pieces)])
    count = int(np.ceil(at[-1] / step))
    if count == 0:
        return stroke[:1]
    where = np.linspace(0.0, at[-1], count + 1)
    return np.stack([np.interp(where, at, stroke[:, axis]) for axis in (0, 1)], axis=1)


def features(strokes: Strokes, step: float = STEP) -> np.ndarray:
    """`FEATURES` of each point, [T, 6] float32: the way from the point before, whether the pen was lifted on it, the
    height over the middle, and the change of direction as cosine and sine."""
    lines = [resample(stroke, step) for stroke in normalise(strokes)]
    points = np.concatenate(lines)
    way = np.diff(points, axis=0, prepend=points[:1])
    lift = np.zeros(len(points))
    lift[np.cumsum([0, *map(len, lines[:-1])])] = 1.0
    length = np.hypot(*way.T)
    direction = np.divide(way, length[:, None], out=np.zeros_like(way), where=length[:, None] > 0)
    before = np.vstack([direction[:1], direction[:-1]])
    cosine = (direction * before).sum(axis=1)
    sine = direction[:, 1] * before[:, 0] - direction[:, 0] * before[:, 1]
    found = np.column_stack([way / step, lift, points[:, 1], cosine, sine])
    found[:, :2] = np.clip(found[:, :2], -20, 20)  # the way to a stroke far off
    return found.astype(np.float32)


def _along(strokes: Strokes, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle of each piece of the path on an axis, and its length."""
    middles = np.concatenate([(s[1:, axis] + s[:-1, axis]) / 2 for s in strokes])
    return middles, np.concatenate([np.hypot(*np.diff(s, axis=0).T) for s in strokes])


def _shear(strokes: Strokes, amount: float, axis: int) -> list[np.ndarray]:
    """Strokes with `amount` times the other axis taken off an axis."""
    off = np.zeros((2, 2))
    off[1 - axis, axis] = amount
    return [stroke - stroke @ off for stroke in strokes]


def _rise(strokes: Strokes) -> float:
    """How much the line of writing rises a unit of width; 0 for what is too narrow to tell."""
    x, weight = _along(strokes, 0)
    y, _ = _along(strokes, 1)
    total = weight.sum()
    if not total:
        return 0.0
    x, y = x - (x * weight).sum() / total, y - (y * weight).sum() / total
    across, high = (weight * x * x).sum(), (weight * y * y).sum()
    if across < LONG**2 * high or not across:
        return 0.0
    return float((weight * x * y).sum() / across)


def _slant(strokes: Strokes) -> float:
    """How much the steep pieces of the path lean to the right a unit of height."""
    pieces = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    steep = pieces[np.abs(pieces[:, 1]) > STEEP * np.abs(pieces[:, 0])]
    height = np.abs(steep[:, 1]).sum()
    return float((steep[:, 0] * np.sign(steep[:, 1])).sum() / height) if height else 0.0
