"""Windows of a panel's series: the examples that a forecaster learns from, each on its own scale."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keepgate.data.tables.panel import Panel
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.common.parameters import param
from keepgate.training import Examples

UPDATES = (100, 1000)  # least and most of an epoch, so that it means the same for short and for long tables


@dataclass(frozen=True, kw_only=True)
class ForecastColumns:
    """Names of the columns of a long table with one row for each time of each series."""

    id_column: str = param("unique_id", "column that names the series")
    time_column: str = param("ds", "column of the times, or of integers that count the steps")
    target_column: str = param("y", "column of what is to be forecast")
    covariate_columns: tuple[str, ...] | None = param(
        None, "columns of further numbers that help to forecast, known up to the last row (none: all others)"
    )


def window_starts(panel: Panel, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first row and series of all windows of so many rows, in order; int64 [windows] each."""
    counts = np.maximum(panel.lengths - rows + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return panel.starts[series] + nth, series


def rows_from(values: np.ndarray, starts: np.ndarray, rows: int) -> np.ndarray:
    """Return `rows` rows of `values` [N, ...] from each start, [B, rows, ...]."""
    return values[starts[:, None] + np.arange(rows)]


def deviations(panel: Panel) -> np.ndarray:
    """Return the standard deviation of each series' target, [S]; 1 for a constant one."""
    parts = np.split(panel.values[:, 0], panel.starts[1:-1])
    return np.array([part.std() if np.ptp(part) > 0 else 1.0 for part in parts])


class Windows(Examples):
    """All windows of a panel as batches `(z, weight, target)`.

    z: [B, window, C] float32, normalized. weight: [B, 1] float32, the spread of the window's target over the deviation
    of its series. target: [B, horizon] float32, the distance of what follows from the window's mean, over that
    deviation; `weight` times the network's output approximates it. So all series count alike, and so do all rows of a
    series, whatever the spread of the window before them.

    Args:
        panel: the series.
        window: rows of a window.
        horizon: rows that follow it.
        deviation: of each series, [S].
        batch_size: windows in a batch.
        updates: least and most batches of an epoch; fewer windows are repeated, of more every second, third, ... is
            taken.
    """

    def __init__(
        self,
        panel: Panel,
        window: int,
        horizon: int,
        deviation: np.ndarray,
        batch_size: int,
        updates: tuple[int, int] = UPDATES,
    ):
        self.values, self.past, self.horizon = panel.values, window, horizon
        self.starts, series = window_starts(panel, window + horizon)
        self.deviation = deviation[series]
        least, most = updates
        self.size = min(max(len(self.starts), least * batch_size), most * batch_size)

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the windows `indices`."""
        count = len(self.starts)
        chosen = np.asarray(indices) % count if self.size >= count else np.asarray(indices) * count // self.size
        starts, deviation = self.starts[chosen], self.deviation[chosen, None]
        z, mean, spread = window_norm(rows_from(self.values, starts, self.past))
        future = rows_from(self.values[:, 0], starts + self.past, self.horizon)
        parts = z, spread[:, :, 0] / deviation, (future - mean[:, :, 0]) / deviation
        z, weight, target = (torch.from_numpy(part.astype(np.float32)) for part in parts)
        return z, weight, target

    def fingerprint(self) -> str:
        """Return a hash of the values and of how they are cut."""
        sums = hashlib.sha256(repr((self.past, self.horizon, self.size)).encode())
        for array in (self.values, self.starts, self.deviation):
            sums.update(np.ascontiguousarray(array).data)
        return sums.hexdigest()
