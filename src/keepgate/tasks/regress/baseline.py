"""What needs no recurrence: ridge regression on a few numbers that sum a sequence up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

__all__ = ["SUMMARIES", "ridge", "summaries"]

SUMMARIES = ("mean", "deviation", "least", "greatest", "first", "last", "mean absolute change")  # of each channel
PENALTIES = tuple(10.0**power for power in range(-3, 5))


def summaries(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return what sums up sequences [T_i, C]: `SUMMARIES` of each channel and the number of steps, [N, 7 C + 1]."""
    return np.array(
        [
            np.concatenate(
                [
                    *(value.mean(0), value.std(0), value.min(0), value.max(0), value[0], value[-1]),
                    np.abs(np.diff(value, axis=0)).mean(0) if len(value) > 1 else np.zeros(value.shape[1]),
                    [len(value)],
                ]
            )
            for value in values
        ]
    )


def ridge(values: Sequence[np.ndarray], targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [K, 7 C + 1] and constants [K] of ridge regression; each left-out sequence chooses the penalty.

    Args:
        values: sequences [T_i, C].
        targets: [N, K].
    """
    scaler = StandardScaler().fit(found := summaries(values))
    model = RidgeCV(PENALTIES).fit(scaler.transform(found), targets)
    weights = np.reshape(np.asarray(model.coef_, np.float64), (targets.shape[1], -1)) / np.asarray(scaler.scale_)
    return weights, np.atleast_1d(model.intercept_) - weights @ np.asarray(scaler.mean_)
