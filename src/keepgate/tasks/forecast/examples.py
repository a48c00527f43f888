"""Windows of a panel's series: the examples that a forecaster learns from, each on its own scale."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from keepgate.data.tables.calendar import calendar_values
from keepgate.data.tables.panel import Panel, filled
from keepgate.errors import InputError, quoted
from keepgate.runtime.blocks import window_norm
from keepgate.tasks.forecast.reads import Reads, deviations
from keepgate.tasks.forecast.transforms import TRANSFORMS
from keepgate.training import Examples

UPDATES = (50, 200)  # least and most of an epoch, so that it means the same for short and for long tables
HELD_OUT_UPDATES = (0, 40)
LEAST_SPREAD = 0.01  # of a window, in deviations of its series, so that no window weighs without bound


def cuts(panel: Panel, lead: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that forecasts may begin with, and their series; int64 [windows] each, in order.

    Args:
        panel: the series.
        lead: rows of each series before its first forecast, [S].
        horizon: rows of a forecast, all of which are in the panel.
    """
    counts = np.maximum(panel.lengths - lead - horizon + 1, 0)
    series = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return panel.starts[series] + lead[series] + nth, series


class Prepared:
    """A panel as a forecaster reads it: gaps filled, the calendar told, each series continued by the rows ahead.

    Args:
        panel: the series.
        reads: what is read.
        ahead: whether each series is continued by `horizon` rows, of which only is known what is known ahead.

    Raises:
        InputError: a value is missing of what is known ahead.
    """

    def __init__(self, panel: Panel, reads: Reads, *, ahead: bool = False) -> None:
        self.panel, self.reads = panel, reads
        self.original = filled(panel.values[:, 0], panel.starts)
        self.target = TRANSFORMS[reads.transform].forth(panel.values[:, 0])
        self.values = filled(np.column_stack([self.target, panel.values[:, 1:]]), panel.starts)
        if reads.gaps:
            self.values = np.column_stack([self.values, ~np.isnan(self.target)])
        self.plan = filled(panel.plan, panel.starts) if reads.known else np.zeros((len(self.values), 0))
        self.future = self._future() if ahead else None
        self.codes = self._codes()
        self.spreads = self._spreads() if reads.known else None

    def _future(self) -> np.ndarray:
        """Return what is known of the rows after each series' end, [S, horizon, F]."""
        panel, horizon = self.panel, self.reads.horizon
        steps = np.arange(1, horizon + 1)
        assert panel.frequency is not None
        plan = np.full((len(panel.ids), horizon, len(self.reads.known)), np.nan)
        plan[:, : panel.ahead.shape[1]] = panel.ahead[:, :horizon]
        missing = np.argwhere(np.isnan(plan))
        if len(missing):
            s, step, column = missing[0]
            raise InputError(
                f"{panel.source}: series {quoted(panel.ids[int(s)])} has no value of "
                f"{quoted(self.reads.known[column])} in row {step + 1} after its end: give what is known of the "
                f"{horizon} rows ahead, as a table of the future or as rows without a target"
            )
        if not self.reads.calendar:
            return plan
        times = panel.frequency.after(panel.times[panel.starts[1:] - 1, None], steps)
        return np.concatenate([plan, calendar_values(times, self.reads.calendar)], -1)

    def _codes(self) -> np.ndarray:
        """Return the number of each attribute's value, [S, A] int64; 0 for one that was not in the training data."""
        numbers = [
            [{value: k for k, value in enumerate(values, 1)}.get(text, 0) for text in self.panel.statics[name]]
            for name, values in self.reads.attributes.items()
        ]
        return np.array(numbers, np.int64).reshape(len(numbers), len(self.panel.ids)).T

    def _spreads(self) -> np.ndarray:
        own = deviations(self.panel, self.reads)
        known = self.reads.scales
        return np.array([known.get(key, own[s]) for s, key in enumerate(self.panel.keys)])

    def given(self, cut: np.ndarray, series: np.ndarray) -> dict[str, np.ndarray]:
        """Return the inputs of the network for forecasts that begin with rows `cut` of `series`, int64 [B] each.

        A window that begins before its series repeats the first row.
        """
        reads, panel = self.reads, self.panel
        rows = np.maximum(cut[:, None] - reads.window + np.arange(reads.window), panel.starts[series][:, None])
        inputs = {"window": self.values[rows]}
        if self.spreads is not None:
            inputs |= {"spread": self.spreads[series, None], "before": self.plan[rows]}
        if reads.known or reads.calendar:
            inputs["ahead"] = self._ahead(cut, series)
        return inputs | {f"attribute{k}": self.codes[series, k, None] for k in range(self.codes.shape[1])}

    def _ahead(self, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
        if self.future is not None:
            return self.future[series]
        rows = cut[:, None] + np.arange(self.reads.horizon)
        return np.concatenate([self.plan[rows], calendar_values(self.panel.times[rows], self.reads.calendar)], -1)

    def known_rows(self) -> np.ndarray:
        """Return what was known ahead of every row, [N, F]."""
        return np.concatenate([self.plan, calendar_values(self.panel.times, self.reads.calendar)], -1)

    def truth(self, cut: np.ndarray) -> np.ndarray:
        """Return the `horizon` values from rows `cut` on, [B, horizon]; NaN where one is missing."""
        return self.panel.values[cut[:, None] + np.arange(self.reads.horizon), 0]

    def past(self, cut: np.ndarray, series: np.ndarray, rows: int) -> np.ndarray:
        """Return the `rows` values before rows `cut` of `series`, gaps filled, [B, rows]; the first is repeated."""
        first = self.panel.starts[series][:, None]
        return self.original[np.maximum(cut[:, None] - np.arange(rows, 0, -1), first)]

    def transformed_truth(self, cut: np.ndarray) -> np.ndarray:
        """Return the same on the scale that is learned."""
        return self.target[cut[:, None] + np.arange(self.reads.horizon)]


class Windows(Examples):
    """All windows of a panel as batches `(given, weight, target, level)`.

    given: the inputs of the network, the window normalized. weight: [B, 1] float32, the spread of the window's target
    over its unit, which is the geometric mean of that spread and the deviation of its series. target: [B, horizon]
    float32, the distance of what follows from the window's mean, in that unit; `weight` times the network's output
    approximates it. So all series count alike, and a window with little spread neither nothing nor all. level: [B, 2]
    float64, the window's mean and unit, with which a target is a value again.

    Args:
        data: the series.
        lead: rows of each series before its first forecast, [S].
        deviation: of each series, [S].
        batch_size: windows in a batch.
        updates: least and most batches of an epoch; fewer windows are repeated, of more every second, third, ... is
            taken.
    """

    def __init__(
        self,
        data: Prepared,
        lead: np.ndarray,
        deviation: np.ndarray,
        batch_size: int,
        updates: tuple[int, int] = UPDATES,
    ):
        self.data = data
        self.cuts, self.series = cuts(data.panel, lead, data.reads.horizon)
        if np.isnan(data.target).any():  # what nothing is known of teaches nothing
            seen = ~np.isnan(data.truth(self.cuts)).all(axis=1)
            self.cuts, self.series = self.cuts[seen], self.series[seen]
        self.deviation = deviation[self.series]
        self.batch_size = batch_size
        least, most = updates
        self.size = min(max(len(self.cuts), least * batch_size), most * batch_size) if len(self.cuts) else 0

    def steps(self) -> Windows:
        """Return the windows before each single row, from the first horizon of a series on, as if that were all."""
        data = Prepared(self.data.panel, replace(self.data.reads, horizon=1))
        lead = np.clip(data.panel.lengths // 2, 1, self.data.reads.horizon)
        deviation = np.ones(len(lead))
        deviation[self.series] = self.deviation
        return Windows(data, lead, deviation, self.batch_size, UPDATES)

    def __len__(self) -> int:
        return self.size

    def batch(self, indices: Sequence[int] | np.ndarray) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Return the windows `indices`."""
        count = len(self.cuts)
        chosen = np.asarray(indices) % count if self.size >= count else np.asarray(indices) * count // self.size
        given, weight, target, level = self.numbers(chosen)
        tensors = {name: torch.from_numpy(values) for name, values in given.items()}
        weight, target = (torch.from_numpy(values.astype(np.float32)) for values in (weight, target))
        return tensors, weight, target, torch.from_numpy(level)

    def numbers(self, chosen: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
        """Return what `batch` returns, as arrays, of the windows number `chosen`."""
        cut, series, deviation = self.cuts[chosen], self.series[chosen], self.deviation[chosen, None]
        given = self.data.given(cut, series)
        z, mean, spread = window_norm(given.pop("window"), given.pop("spread", None))
        unit = np.sqrt(np.maximum(spread[:, :, 0], LEAST_SPREAD * deviation) * deviation)
        target = (self.data.transformed_truth(cut) - mean[:, :, 0]) / unit
        inputs = {"normalized": z.astype(np.float32), **given}
        return inputs, spread[:, :, 0] / unit, target, np.concatenate([mean[:, :, 0], unit], 1)

    def fingerprint(self) -> str:
        """Return a hash of the values and of how they are cut."""
        data = self.data
        sums = hashlib.sha256(repr((data.reads, self.size)).encode())
        for array in (data.values, data.target, data.plan, data.codes, self.cuts, self.deviation):
            sums.update(np.ascontiguousarray(array).data)
        return sums.hexdigest()
