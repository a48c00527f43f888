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
    share of values between them, 0.8 if they are right; only for a model that has them. Missing values do not count.

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
        seen = ~np.isnan(truth)
        error = (truth - point)[seen]
        sums = {"mse": np.square(error).sum(), "mae": np.abs(error).sum()}
        if len(self.quantiles):
            above = error[:, None] if quantiles is None else (truth[:, :, None] - quantiles)[seen]
            loss = np.maximum(self.quantiles * above, (self.quantiles - 1) * above)
            sums["pinball"] = loss.mean(axis=1).sum()
        if len(self.quantiles) > 1:
            name = "coverage {:g}-{:g}".format(*(100 * np.array([self.quantiles.min(), self.quantiles.max()])))
            sums[name] = np.nan
            if quantiles is not None:
                sums[name] = ((quantiles[:, :, 0] <= truth) & (truth <= quantiles[:, :, -1]))[seen].sum()
        for name, total in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(total)
        self.count += int(seen.sum())

    def row(self) -> dict[str, Any]:
        """Return `{"model": name, score: mean, ...}`; a score that the model cannot have is empty."""
        means = {name: total / max(self.count, 1) for name, total in self.sums.items()}
        return {"model": self.model, **{name: "" if np.isnan(mean) else mean for name, mean in means.items()}}
