"""Pen strokes of one size, upright and level, as points at equal distances along the pen's path.

The steps are those that made online handwriting recognisable to recurrent networks (Graves et al. 2009, "A Novel
Connectionist System for Unconstrained Handwriting Recognition").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["STEP", "normalize", "points", "resample"]

STEP = 0.35  # between points, in deviations of the path's height
STEEP = 1.0  # a piece of the path counts for the slant if it rises more than this a unit of width
LONG = 3.0  # a path counts for the rotation of its line if it is so many times as wide as high
LONGEST = 2000.0  # deviations of its height that a path is long at most, so that a dash has no endless row of points

Strokes = Sequence[np.ndarray]  # each [points, 2]: x to the right, y upward


def normalize(strokes: Strokes) -> list[np.ndarray]:
    """Strokes with level lines, upright letters, and height of deviation 1 around 0.

    The deviation is taken along the path, so that it does not depend on the speed of the pen or the device.
    """
    strokes = [np.asarray(stroke, dtype=np.float64) for stroke in strokes]
    strokes = _shear(strokes, _rise(strokes), axis=1)
    strokes = _shear(strokes, _slant(strokes), axis=0)
    length, middle, spread = _moments(strokes)
    left = min(float(stroke[:, 0].min()) for stroke in strokes)
    size = max(float(np.sqrt(spread[1, 1])), length / LONGEST) or 1.0  # a dash has no height, a dot no length either
    return [(stroke - [left, middle[1]]) / size for stroke in strokes]


def resample(stroke: np.ndarray, step: float = STEP) -> np.ndarray:
    """Return points about `step` apart along a stroke, from its first to its last; one point for a dot."""
    pieces = np.hypot(*np.diff(stroke, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(pieces)])
    count = int(np.ceil(at[-1] / step))
    if count == 0:
        return stroke[:1]
    where = np.linspace(0.0, at[-1], count + 1)
    return np.stack([np.interp(where, at, stroke[:, axis]) for axis in (0, 1)], axis=1)


def points(strokes: Strokes, step: float = STEP) -> np.ndarray:
    """Return the points of normalized strokes, [T, 3] float32.

    The columns are x from the left end, y over the middle, and 1 where a stroke begins, else 0.

    Args:
        strokes: each [points, 2].
        step: about the distance between points, in deviations of the path's height.
    """
    lines = [resample(stroke, step) for stroke in normalize(strokes)]
    begins = np.zeros(sum(map(len, lines)))
    begins[np.cumsum([0, *map(len, lines[:-1])])] = 1.0
    return np.column_stack([np.concatenate(lines), begins]).astype(np.float32)


def _moments(strokes: Strokes) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the length of the path, and mean [2] and covariance [2, 2] of the points along it."""
    pieces = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    middles = np.concatenate([(stroke[1:] + stroke[:-1]) / 2 for stroke in strokes])
    length = np.hypot(*pieces.T)
    total = float(length.sum())
    if not total:
        return 0.0, np.mean([stroke[0] for stroke in strokes], axis=0), np.zeros((2, 2))
    share = length[:, None] / total
    mean = (share * middles).sum(axis=0)
    within = (share * pieces).T @ pieces / 12  # of the points of a straight piece around its middle
    return total, mean, (share * (middles - mean)).T @ (middles - mean) + within


def _shear(strokes: Strokes, amount: float, axis: int) -> list[np.ndarray]:
    """Return strokes with `amount` times the other axis subtracted from an axis."""
    off = np.zeros((2, 2))
    off[1 - axis, axis] = amount
    return [stroke - stroke @ off for stroke in strokes]


def _rise(strokes: Strokes) -> float:
    """Return how much the line of writing rises per unit of width; 0 if it is too narrow to tell."""
    _, _, spread = _moments(strokes)
    if not spread[0, 0] > LONG**2 * spread[1, 1]:
        return 0.0
    return float(spread[0, 1] / spread[0, 0])


def _slant(strokes: Strokes) -> float:
    """Return how much the steep pieces of the path lean to the right per unit of height."""
    pieces = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    steep = pieces[np.abs(pieces[:, 1]) > STEEP * np.abs(pieces[:, 0])]
    height = np.abs(steep[:, 1]).sum()
    return float((steep[:, 0] * np.sign(steep[:, 1])).sum() / height) if height else 0.0
