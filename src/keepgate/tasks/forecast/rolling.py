"""Rolling evaluation: forecasts from several cut-offs in a table's end, scored by series and by step ahead.

MASE: the mean absolute error in mean absolute seasonal differences of the rows before the first cut-off (Hyndman &
Koehler 2006). sMAPE: the mean of 200 |y - f| / (|y| + |f|), as in the M4 competition. Both are of the median, which
they are least for, if it is among the quantiles. WQL: twice the pinball loss over the sum of |y|, the mean of the
quantiles; for a model without quantiles its point is all of them. Coverage: the share of values between the quantiles
q and 1 - q.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone

from keepgate.data.tables.panel import Panel
from keepgate.errors import InputError
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.scores import last_value, seasonal_naive

__all__ = ["CrossValidation", "backtest", "cross_validation", "last_mase", "seasonal_scale", "summary"]


@dataclass(frozen=True)
class CrossValidation:
    """Forecasts from several cut-offs, and their scores beside naive forecasts.

    Attributes:
        table: of the library of the table that was given: id, time, `cutoff` (the last time before the forecast), the
            target, and the forecasts, as `predict` names them.
        scores: a row for each model.
        by_series: a row for each model and series.
        by_step: a row for each model and step ahead, from 1.
    """

    table: Any
    scores: list[dict[str, Any]]
    by_series: list[dict[str, Any]]
    by_step: list[dict[str, Any]]


def cross_validation(model: Any, data: Panel, windows: int, step: int | None, refit: bool) -> CrossValidation:
    """Return forecasts from cut-offs `step` rows apart, the last of which is `horizon` rows before the end.

    Args:
        model: a forecaster, which is not changed: copies of it are fitted.
        data: the series.
        windows: how many cut-offs.
        step: rows from one to the next; None: the horizon.
        refit: fit before each cut-off, not only before the first.

    Raises:
        InputError: a series is too short, or a number is not at least 1.
    """
    step, reach = _reach(model, data, windows, step, model.horizon + 2, "horizon + 2 rows")
    last: list[Any] = []

    def fitted(window: int) -> Any:
        if refit or not last:
            rows = data.lengths - reach + window * step
            last[:] = [_unfitted(model).fit(data.cut(np.zeros_like(rows), rows))]
        return last[0]

    return _rolled(fitted, data, windows, step, reach)


def backtest(model: Any, data: Panel, windows: int, step: int | None) -> CrossValidation:
    """Return the same of a fitted forecaster as it is."""
    step, reach = _reach(model, data, windows, step, 1, "a row")
    return _rolled(lambda _: model, data, windows, step, reach)


def last_mase(model: Any, data: Panel) -> float:
    """Return the MASE of forecasts of the last `horizon` rows of each series, from the rows before them.

    Raises:
        InputError: a series is too short, or none has a value to be scored by.
    """
    data.need(model.window_ + model.horizon, f"window={model.window_} and horizon={model.horizon}")
    cuts, prepared = data.starts[1:] - model.horizon, Prepared(data, model.reads_)
    found = model.forecast(prepared, cuts, np.arange(len(data.ids)))[None]
    truth = prepared.truth(cuts).reshape(found.shape[:-1])
    scale = seasonal_scale(data, model.horizon, model.season_)
    mase = summary(truth, found[..., 0], found[..., 1:], scale, sorted(model.quantiles))["MASE"]
    if isinstance(mase, str):
        raise InputError("nothing to score: the last rows of all series are empty, or those before never change")
    return mase


def _reach(model: Any, data: Panel, windows: int, step: int | None, before: int, text: str) -> tuple[int, int]:
    """Return the step, and the rows from the first cut-off on."""
    step = int(model.horizon) if step is None else step
    if windows < 1 or step < 1:
        raise InputError(f"windows={windows} and step={step} have to be at least 1")
    reach = model.horizon + (windows - 1) * step
    data.need(reach + before, f"{windows} windows of horizon {model.horizon}, and {text} before them")
    return step, reach


def _unfitted(model: Any) -> Any:
    return clone(model)


def _rolled(fitted: Callable[[int], Any], data: Panel, windows: int, step: int, reach: int) -> CrossValidation:
    first = data.starts[1:] - reach
    cuts = first + step * np.arange(windows)[:, None]  # [W, S]
    series, found, model = np.arange(len(data.ids)), [], None
    for window, cut in enumerate(cuts):
        model = fitted(window)
        found.append(model.forecast(Prepared(data, model.reads_), cut, series))
    assert model is not None
    prepared = Prepared(data, model.reads_)
    truth = prepared.truth(cuts.ravel()).reshape(*cuts.shape, model.horizon)
    own = np.stack(found)  # [W, S, H, 1 + Q]
    naive = {name: (point, None) for name, point in _naive(model, prepared, cuts).items()}
    models = {model.cell_name(): (own[..., 0], own[..., 1:]), **naive}
    scale = seasonal_scale(data, reach, model.season_)
    table = _table(model, data, cuts, truth, own)
    return CrossValidation(table, *_scored(models, truth, scale, sorted(model.quantiles), data))


def seasonal_scale(data: Panel, reach: int, season: int) -> np.ndarray:
    """Return the mean absolute seasonal difference of each series before its last `reach` rows, [S]; NaN if it is 0."""
    found = []
    for s, end in enumerate(data.starts[1:] - reach):
        y = data.values[data.starts[s] : end, 0]
        apart = season if len(y) > season else 1
        differences = np.abs(y[apart:] - y[:-apart])
        seen = differences[~np.isnan(differences)]
        found.append(seen.mean() if seen.any() else np.nan)
    return np.array(found)


def summary(
    truth: np.ndarray, point: np.ndarray, quantiles: np.ndarray | None, scale: np.ndarray, levels: Sequence[float]
) -> dict[str, Any]:
    """Return the scores of a model; missing values do not count, and a score that there is not is empty.

    Args:
        truth: [W, S, H].
        point: [W, S, H], the mean.
        quantiles: [W, S, H, Q] ascending; None: the model has none.
        scale: [S].
        levels: of the quantiles, ascending.
    """
    middle = point if quantiles is None or 0.5 not in levels else quantiles[..., levels.index(0.5)]
    error, size = np.abs(truth - middle), np.abs(truth) + np.abs(middle)
    seen = ~np.isnan(truth)
    row = {
        "MASE": _mean(error / scale[:, None], seen & ~np.isnan(scale)[:, None]),
        "sMAPE": _mean(200 * error / np.where(size > 0, size, 1.0), seen),
        "MAE": _mean(error, seen),
    }
    if not levels:
        return row
    given = point[..., None] if quantiles is None else quantiles
    above = truth[..., None] - given
    loss = np.maximum(np.array(levels) * above, (np.array(levels) - 1) * above).mean(-1)
    total = np.abs(truth[seen]).sum()
    row["WQL"] = float(2 * loss[seen].sum() / total) if total > 0 else ""
    for k, q in enumerate(levels):
        other = next((m for m, level in enumerate(levels) if abs(level + q - 1) < 1e-9), None)
        if q < 0.5 and other is not None:
            inside = "" if quantiles is None else (quantiles[..., k] <= truth) & (truth <= quantiles[..., other])
            row[f"coverage {100 * q:g}-{100 * levels[other]:g}"] = (
                inside if isinstance(inside, str) else _mean(inside, seen)
            )
    return row


def _mean(values: np.ndarray, seen: np.ndarray) -> float | str:
    return float(values[seen].mean()) if seen.any() else ""


def _naive(fitted: Any, data: Prepared, cuts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the forecasts of naive models, [W, S, H] each: the last value, and every plausible season."""
    seasons = [season for season in fitted.seasons() if season <= (cuts - data.panel.starts[:-1]).min()]
    past = data.past(cuts.ravel(), np.tile(np.arange(cuts.shape[1]), len(cuts)), max([1, *seasons]))
    shape = (*cuts.shape, fitted.horizon)
    found = {f"seasonal naive {m}": seasonal_naive(past, fitted.horizon, m).reshape(shape) for m in seasons}
    return {**found, "last value": last_value(past, fitted.horizon).reshape(shape)}


def _table(fitted: Any, data: Panel, cuts: np.ndarray, truth: np.ndarray, own: np.ndarray) -> Any:
    windows, count, horizon = truth.shape
    first = np.arange(count)[:: len(data.target_names)]  # of the series of all targets of one
    times = data.times[(cuts[:, first, None] + np.arange(horizon)).ravel()]
    cutoff = np.repeat(data.times[cuts[:, first].ravel() - 1], horizon)
    values = np.concatenate([truth[..., None], own], -1).reshape(windows * count, horizon, -1)
    columns = data.by_target(lambda target: [target, *fitted.forecast_names(target)], values)
    series = np.tile(np.repeat(first, horizon), windows)
    return data.table(series, times, {"cutoff": cutoff, **columns})


def _scored(
    models: dict[str, tuple[np.ndarray, np.ndarray | None]],
    truth: np.ndarray,
    scale: np.ndarray,
    levels: Sequence[float],
    data: Panel,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    whole, by_series, by_step = [], [], []
    for (name, (point, quantiles)), (d, target) in product(models.items(), enumerate(data.target_names)):
        about = {"model": name, **({"target": target} if data.targets else {})}
        mine = np.arange(d, len(data.ids), len(data.target_names))

        def part(series: np.ndarray, steps: slice = slice(None)) -> dict[str, Any]:
            at = (slice(None), series, steps)
            said = None if quantiles is None else quantiles[at]  # noqa: B023
            return summary(truth[at], point[at], said, scale[series], levels)  # noqa: B023

        whole.append({**about, **part(mine)})
        ids = data.ids.to_list()
        by_series += [{**about, data.names[0]: ids[s], **part(np.array([s]))} for s in mine]
        by_step += [{**about, "step": k + 1, **part(mine, slice(k, k + 1))} for k in range(truth.shape[2])]
    return whole, by_series, by_step
