"""Segments as frames and back, and the power of frames, from which a baseline is made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.data.arrays import runs
from keepgate.data.recordings.segments import Segment


def frames_of(segments: Sequence[Segment], labels: Sequence[str], count: int, hop: float) -> np.ndarray:
    """Return whether each label holds at the middle of each of `count` frames of `hop` seconds, [T, K] bool."""
    holds = np.zeros((count, len(labels)), dtype=bool)
    for start, end, label, _ in segments:
        if label in labels:
            first, last = np.ceil(np.array([start, end]) / hop - 0.5 - 1e-6).astype(int)
            holds[first:last, labels.index(label)] = True
    return holds


def hysteresis(values: np.ndarray, onset: float, offset: float) -> np.ndarray:
    """Return whether each frame [T] lies in a stretch of values of at least `offset`, one of them at least `onset`."""
    inside = values >= offset
    for first, last in runs(inside):
        inside[first:last] = values[first:last].max() >= onset
    return inside


def smooth(values: np.ndarray, onset: float, offset: float, min_on: float, min_off: float) -> list[tuple[int, int]]:
    """Return the stretches of frames (first, last exclusive) in which values [T] are high.

    They are found by hysteresis (see `hysteresis`); then gaps shorter than `min_off` frames are closed, and then
    stretches shorter than `min_on` frames are left out.
    """
    joined: list[tuple[int, int]] = []
    for first, last in runs(hysteresis(values, onset, offset)):
        if joined and first - joined[-1][1] < min_off:
            first = joined.pop()[0]
        joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= min_on]


def energy(features: np.ndarray) -> np.ndarray:
    """Return the power [T] of log-mel features [T, bands] in decibels above the quiet tenth of the recording."""
    power = 10 / np.log(10) * np.logaddexp.reduce(features.astype(np.float64), axis=1)
    return power - np.quantile(power, 0.1)


def energy_threshold(features: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Return the power from which on frames are taken for labeled, so that F1 over all frames is highest.

    Args:
        features: of the recordings, N arrays [T_i, bands].
        truth: whether the label holds, N arrays [T_i] bool.
    """
    power, wanted = np.concatenate([energy(one) for one in features]), np.concatenate(truth)
    order = np.argsort(-power, kind="stable")
    right = np.cumsum(wanted[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + wanted.sum())
    return float(power[order[f1.argmax()]])
