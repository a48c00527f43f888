"""Which rows of a table are learned, held out and forecast, and whether a table is alike that of the training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from keepgate.data.tables.panel import Panel
from keepgate.errors import InputError, quoted
from keepgate.tasks.forecast.reads import Reads

__all__ = ["alike", "early_leads", "leads", "need_counts", "split", "usable"]

HELD_OUT = 5  # the last 1/5 of each series is held out where `fit` is given no held-out part; of a short one, more:
SHORT = (3, 8)  # up to 1/3, and up to 8 horizons


def usable(data: Panel, horizon: int) -> Panel:
    """Return the series that are long enough to learn from.

    Raises:
        InputError: one is not, and `skip_bad` was not said; or none is long enough to hold a part out.
    """
    rows, why = horizon + 2, f"horizon {horizon} + 2"
    if data.skip_bad and (data.lengths >= rows).any():
        data = data.only(data.lengths >= rows, f"it has fewer rows than {rows} ({why})")
    data.need(rows, why)
    if data.lengths.max() < 2 * rows - 2:
        data.need(2 * rows - 2, f"{why}, and horizon {horizon} held out")
    return data


def need_counts(data: Panel) -> None:
    """Check that all values are counts.

    Raises:
        InputError: one is not; the message names it.
    """
    y = data.values[:, 0]
    wrong = np.flatnonzero((y < 0) | (y != np.rint(y)) & ~np.isnan(y))
    if len(wrong):
        series = int(np.searchsorted(data.starts, wrong[0], "right")) - 1
        raise InputError(
            f"{data.source}, column {quoted(data.names[2])}: series {quoted(data.keys[series])} has the value "
            f"{y[wrong[0]]:g}, which is no count: the loss negative-binomial is for whole numbers from 0 on"
        )


def alike(data: Panel, reads: Reads) -> Panel:
    """Return a panel with the covariates and the frequency of the training table.

    Raises:
        InputError: a covariate is missing, or the steps are others.
    """
    if data.covariates != reads.covariates:
        data = data.with_covariates(reads.covariates)
    if data.frequency is None:
        return replace(data, frequency=reads.frequency)
    if not data.frequency.same_step(reads.frequency):
        raise InputError(
            f"{data.source}: its rows are {data.frequency} apart, the model was fitted to steps of "
            f"{reads.frequency}: resample, or fit another model"
        )
    return data


def split(data: Panel, reads: Reads) -> tuple[Panel, Panel]:
    """Return the training part and the held-out part, which starts with the window before its first forecast."""
    length, horizon = data.lengths, reads.horizon
    part, horizons = SHORT
    held = np.maximum(length // HELD_OUT, np.minimum(length // part, horizons * horizon))
    end = np.where(length < 2 * horizon + 2, length, length - np.maximum(held, horizon))
    first = np.where(end < length, np.maximum(end - reads.window, 0), length)
    return data.cut(np.zeros_like(end), end), data.cut(first, length)


def leads(data: Panel, reads: Reads) -> np.ndarray:
    """Return the rows of each series before its first forecast, where its last rows are to be forecast, [S]."""
    return np.clip(data.lengths - reads.horizon, 1, reads.window)


def early_leads(data: Panel, reads: Reads) -> np.ndarray:
    """Return the same where all is learned from: half of a short series teaches forecasts."""
    return np.clip(data.lengths // 2, 1, reads.window)
