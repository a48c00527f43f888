"""Mean and variance of what a policy reads, over all steps so far."""

from __future__ import annotations

import numpy as np

__all__ = ["Moments"]

LEAST_VARIANCE = 1e-8  # a value that varies less keeps its scale


class Moments:
    """Mean and variance of inputs over all steps so far (Chan, Golub & LeVeque 1979).

    Args:
        measured: which of the I inputs are standardised, [I].
    """

    def __init__(self, measured: np.ndarray) -> None:
        self.measured, self.count = measured, 0
        self.mean, self.variance = np.zeros(len(measured)), np.ones(len(measured))

    def add(self, rows: np.ndarray) -> None:
        """Take rows [M, I]."""
        if not len(rows):
            return
        rows = rows.astype(np.float64)
        mean, variance = rows.mean(0), rows.var(0)
        total = self.count + len(rows)
        share, apart = len(rows) / total, mean - self.mean
        before = self.variance if self.count else np.zeros_like(variance)
        self.variance = before * (1 - share) + variance * share + np.square(apart) * share * (1 - share)
        self.mean, self.count = self.mean + apart * share, total

    def scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and deviation of each input; 0 and 1 where it is not standardised, or hardly varies."""
        varies = self.measured & (self.variance > LEAST_VARIANCE)
        return np.where(self.measured, self.mean, 0.0), np.where(varies, np.sqrt(self.variance), 1.0)
