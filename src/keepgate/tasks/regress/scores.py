"""Scores of predicted numbers."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error


def regression_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float | str]:
    """Return R^2, MAE and RMSE of numbers [N, K], the means over targets; of one sequence there is no R^2."""
    r2 = float(r2_score(truth, predicted)) if len(truth) > 1 else ""
    return {
        "R2": r2,
        "MAE": float(mean_absolute_error(truth, predicted)),
        "RMSE": float(root_mean_squared_error(truth, predicted)),
    }


def coverage(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Return the share of numbers that lie between two quantiles."""
    return float(np.mean((low <= truth) & (truth <= high)))
