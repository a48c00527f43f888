"""Scores of forecasts, and the naive forecasts that any model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def last_value(past: np.ndarray, horizon: int) -> np.ndarray:
    """Return the last value of each window [B, L] as its forecast, [B, horizon]."""
    return np.repeat(past[:, -1:], horizon, axis=1)


def seasonal_naive(past: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Return the last season of each window [B, L], repeated, as its forecast, [B, horizon]."""
    return past[:, past.shape[1] - season + np.arange(horizon) % season]


class Scores:
    """Mean scores of forecasts that come in batches.

    `mse`, `mae`: of the point forecast, in the table's units. `pinball`: mean over the quantiles; a model without
    quantiles of its own gives its point for each. `coverage 10-90` (for the outermost quantiles q10 and q90): the
    share of values between them, 0.8 if they are right; only for a model that has them.

    Args:
        model: name of the model.
        quantiles: between 0 and 1.
    """

    def __init__(self, model: str, quantiles: Sequence[float]):
        self.model, self.quantiles = model, np.array(quantiles)
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, truth: np.ndarray, point: np.ndarray, quantiles: np.ndarray | None = None) -> None:
        """Add forecasts; truth and point are [B, horizon], quantiles [B, horizon, Q] ascending."""
        error = truth - point
        means = {"mse": np.square(error).mean(), "mae": np.abs(error).mean()}
        if len(self.quantiles):
            above = error[:, :, None] if quantiles is None else truth[:, :, None] - quantiles
            means["pinball"] = np.maximum(self.quantiles * above, (self.quantiles - 1) * above).mean()
        if len(self.quantiles) > 1:
            name = "coverage {:g}-{:g}".format(*(100 * np.array([self.quantiles.min(), self.quantiles.max()])))
            inside = np.nan if quantiles is None else (quantiles[:, :, 0] <= truth) & (truth <= quantiles[:, :, -1])
            means[name] = np.mean(inside)
        for name, mean in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(mean) * len(truth)
        self.count += len(truth)

    def row(self) -> dict[str, Any]:
        """Return `{"model": name, score: mean, ...}`; a score that the model cannot have is empty."""
        means = {name: total / self.count for name, total in self.sums.items()}
        return {"model": self.model, **{name: "" if np.isnan(mean) else mean for name, mean in means.items()}}
