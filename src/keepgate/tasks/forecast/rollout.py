"""Forecasts beyond the horizon that was trained: rolled out, horizon by horizon, along paths that are drawn.

What follows the first horizon is forecast from rows that are themselves forecasts. Each of `PATHS` paths continues the
series by another share of what may happen: all rows of a horizon at one level of their quantiles, levels spread evenly
and dealt anew at each horizon. Its quantiles are then those of the mixture of what all paths say, so that they widen
by what the forecasts in between do not know. Covariates that are known only up to the last row stay as they were there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from keepgate.data.tables.panel import Panel
from keepgate.errors import InputError, quoted
from keepgate.tasks.forecast.distributions import is_count
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.transforms import TRANSFORMS

__all__ = ["continued", "rolled_out"]

PATHS = 40
LEVELS = 19  # of the distribution that a path says, which are mixed


def rolled_out(model: Any, data: Panel, horizon: int) -> np.ndarray:
    """Return forecasts [S, horizon, 1 + Q] of the rows after the end of each series.

    Args:
        model: a fitted forecaster.
        data: the series, with what is known ahead of as many rows.
        horizon: rows to forecast, any number.

    Raises:
        InputError: what is known ahead is missing.
    """
    levels, step, counts = sorted(model.quantiles), int(model.horizon), is_count(model.loss)
    data = _known(data, horizon, step) if data.known and horizon > step else data
    series = np.arange(len(data.ids))
    first = model.forecast(Prepared(data, model.reads_, ahead=True), data.starts[1:], series)
    found = [first]
    paths, said = [data] * (PATHS if levels else 1), [first] * (PATHS if levels else 1)
    random = np.random.default_rng(0)
    while len(found) * step < horizon:
        z = _even(len(paths))[random.permutation(len(paths))]
        rows = [_at(block, levels, np.array([z[k]]))[..., 0] for k, block in enumerate(said)]
        rows = [_whole(values) for values in rows] if counts else rows
        paths = [continued(path, values) for path, values in zip(paths, rows, strict=True)]
        said = [_direct(model, path) for path in paths]
        mixed = _mixed(np.stack(said), levels)
        mixed[..., 1:] = _whole(mixed[..., 1:]) if counts else mixed[..., 1:]
        found.append(mixed)
    return np.concatenate(found, axis=1)[:, :horizon]


def _known(data: Panel, horizon: int, step: int) -> Panel:
    """Return a panel that knows whole horizons ahead; beyond the rows that are forecast the last one is repeated."""
    missing = np.argwhere(np.isnan(data.ahead[:, :horizon]))
    if len(missing) or data.ahead.shape[1] < horizon:
        s, row, column = missing[0] if len(missing) else (0, data.ahead.shape[1], 0)
        raise InputError(
            f"{data.source}: series {quoted(data.ids[int(s)])} has no value of {quoted(data.known[column])} in row "
            f"{row + 1} after its end: give what is known of all {horizon} rows to forecast"
        )
    more = -horizon % step
    return replace(data, ahead=np.pad(data.ahead[:, :horizon], [(0, 0), (0, more), (0, 0)], mode="edge"))


def continued(data: Panel, values: np.ndarray) -> Panel:
    """Return a panel whose series go on with values [S, rows] of the target, and with what is known of these rows."""
    rows, count = values.shape[1], len(data.ids)
    assert data.frequency is not None
    after = data.frequency.after(data.times[data.starts[1:] - 1, None], np.arange(1, rows + 1))
    new = np.full((count, rows, data.values.shape[1]), np.nan)
    new[:, :, 0] = values
    if together := len(data.targets):
        each = values.reshape(-1, together, rows).swapaxes(1, 2)
        new[:, :, 1 : 1 + together] = np.repeat(each, together, axis=0)
    plan = np.full((count, rows, len(data.known)), np.nan)
    known = data.ahead[:, :rows]
    plan[:, : known.shape[1]] = known

    def joined(old: np.ndarray, more: np.ndarray) -> np.ndarray:
        parts = np.split(old, data.starts[1:-1])
        return np.concatenate([part for pair in zip(parts, more, strict=True) for part in pair])

    return replace(
        data,
        times=joined(data.times, after),
        values=joined(data.values, new),
        plan=joined(data.plan, plan) if data.known else data.plan,
        ahead=data.ahead[:, rows:],
        starts=data.starts + rows * np.arange(count + 1),
    )


def _direct(model: Any, data: Panel) -> np.ndarray:
    """Return the forecasts after the end of each series, with quantiles as wide as in the training."""
    given = Prepared(data, model.reads_, ahead=True).given(data.starts[1:], np.arange(len(data.ids)))
    return TRANSFORMS[model.reads_.transform].restored(model.forecast_windows(given), sorted(model.quantiles))


def _even(count: int) -> np.ndarray:
    """Return the normal deviates of evenly spread levels."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)])


def _at(forecasts: np.ndarray, levels: Sequence[float], z: np.ndarray) -> np.ndarray:
    """Return the values [..., Z] at normal deviates z of forecasts [..., 1 + Q]: straight lines between quantiles.

    Beyond the outermost quantiles the lines go on, which are then those of a normal distribution.
    """
    if len(levels) < 2:
        return np.repeat(forecasts[..., :1], len(z), -1)
    known = np.array([NormalDist().inv_cdf(level) for level in levels])
    k = np.clip(np.searchsorted(known, z) - 1, 0, len(levels) - 2)
    share = (z - known[k]) / (known[k + 1] - known[k])
    low, high = forecasts[..., 1 + k], forecasts[..., 2 + k]
    return low + share * (high - low)


def _whole(values: np.ndarray) -> np.ndarray:
    """Return the nearest counts."""
    return np.maximum(np.rint(values), 0.0)


def _mixed(said: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the mean, then the quantiles, of the mixture of forecasts [paths, S, rows, 1 + Q]."""
    mean = said[..., :1].mean(0)
    if not levels:
        return mean
    values = np.moveaxis(_at(said, levels, _even(LEVELS)), 0, -1)
    quantiles = np.quantile(values.reshape(*mean.shape[:-1], -1), levels, axis=-1)
    return np.concatenate([mean, np.moveaxis(quantiles, 0, -1)], -1)
