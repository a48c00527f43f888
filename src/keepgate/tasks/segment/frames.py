"""Segments as frames and back: what stands in a frame, what frames say of segments, and how alike two findings are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.data.arrays import runs
from keepgate.data.recordings.segments import Segment


def frames_of(segments: Sequence[Segment], labels: Sequence[str], count: int, hop: float) -> np.ndarray:
    """Whether each label holds at the middle of each of `count` frames of `hop` seconds, [T, K] bool."""
    found = np.zeros((count, len(labels)), dtype=bool)
    for start, end, label, _ in segments:
        if label in labels:
            first, last = np.ceil(np.array([start, end]) / hop - 0.5 - 1e-6).astype(int)
            found[first:last, labels.index(label)] = True
    return found


def hysteresis(values: np.ndarray, onset: float, offset: float) -> np.ndarray:
    """Whether each frame [T] lies in a stretch of values of at least `offset`, one of them at least `onset`."""
    inside = values >= offset
    for first, last in runs(inside):
        inside[first:last] = values[first:last].max() >= onset
    return inside


def smooth(values: np.ndarray, onset: float, offset: float, min_on: float, min_off: float) -> list[tuple[int, int]]:
    """Stretches of frames in values [T]: by hysteresis, then gaps closed that are shorter than `min_off` frames, then
    stretches left out that are shorter than `min_on`."""
    joined: list[tuple[int, int]] = []
    for first, last in runs(hysteresis(values, onset, offset)):
        if joined and first - joined[-1][1] < min_off:
            first = joined.pop()[0]
        joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= min_on]


def frame_scores(truth: Sequence[np.ndarray], guess: Sequence[np.ndarray]) -> dict[str, float]:
    """Precision, recall and F1 over all frames and labels of arrays [T, K] bool."""
    wanted, given = (sum(int(one.sum()) for one in many) for many in (truth, guess))
    right = sum(int((a & b).sum()) for a, b in zip(truth, guess, strict=True))
    return {
        "precision": right / given if given else 0.0,
        "recall": right / wanted if wanted else 0.0,
        "F1": 2 * right / (wanted + given) if wanted + given else 0.0,
    }


def boundary_errors(truth: Sequence[Segment], guess: Sequence[Segment]) -> list[float]:
    """Seconds from each true start to the nearest found start, and so for ends, of the same label; infinite where there
    is none."""
    errors = []
    for segment in truth:
        same = [other for other in guess if other.label == segment.label]
        errors.append(min((abs(other.start - segment.start) for other in same), default=np.inf))
        errors.append(min((abs(other.end - segment.end) for other in same), default=np.inf))
    return errors


def energy(features: np.ndarray) -> np.ndarray:
    """Power of each frame of log-mel features [T, bands] in decibels above the quiet tenth of the recording, [T]."""
    power = 10 / np.log(10) * np.logaddexp.reduce(features.astype(np.float64), axis=1)
    return power - np.quantile(power, 0.1)


def energy_threshold(features: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """The power above which frames are taken for labelled [T] bool, so that F1 over all frames is highest."""
    power, wanted = np.concatenate([energy(one) for one in features]), np.concatenate(truth)
    order = np.argsort(-power, kind="stable")
    right = np.cumsum(wanted[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + wanted.sum())
    return float(power[order[f1.argmax()]])
