"""Scores of segments: frame by frame, and by the distance of their boundaries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.data.recordings.segments import Segment


def frame_scores(truth: Sequence[np.ndarray], guess: Sequence[np.ndarray]) -> dict[str, float]:
    """Return precision, recall and F1 over all frames and labels of arrays [T, K] bool."""
    wanted, given = (sum(int(one.sum()) for one in many) for many in (truth, guess))
    right = sum(int((a & b).sum()) for a, b in zip(truth, guess, strict=True))
    return {
        "precision": right / given if given else 0.0,
        "recall": right / wanted if wanted else 0.0,
        "F1": 2 * right / (wanted + given) if wanted + given else 0.0,
    }


def boundary_errors(truth: Sequence[Segment], guess: Sequence[Segment]) -> list[float]:
    """Return the seconds from each true boundary to the nearest predicted one of the same kind and label.

    Starts and ends are the kinds; where there is none, the distance is infinite.
    """
    errors = []
    for segment in truth:
        same = [other for other in guess if other.label == segment.label]
        errors.append(min((abs(other.start - segment.start) for other in same), default=np.inf))
        errors.append(min((abs(other.end - segment.end) for other in same), default=np.inf))
    return errors
