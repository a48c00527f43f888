"""What a fitted forecaster says of windows, and of windows with quantiles as wide as they had to be of late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from keepgate.data.tables.panel import Panel
from keepgate.runtime.blocks import distribution, restore, window_norm
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.distributions import FAMILIES, is_count
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.recent import unseen, widened
from keepgate.tasks.forecast.transforms import TRANSFORMS

__all__ = ["forecasts", "outputs", "tabled"]

AT_ONCE = 1024  # windows forecast in one go


def forecasts(model: Any, data: Prepared, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Return forecasts [B, horizon, 1 + Q] from rows `cut` [B] of `series` [B] on; see `Forecaster.forecast`."""
    past = data if data.future is None else Prepared(data.panel, model.reads_)
    first, quantiles = unseen(data.panel, model.reads_.until), sorted(model.quantiles)

    def at(data: Prepared, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
        return model.forecast_windows(data.given(cut, series))

    found = []
    for part in np.array_split(np.arange(len(cut)), -(-len(cut) // AT_ONCE)):
        here = cut[part], series[part]
        direct = at(data, *here)
        if not is_count(model.loss):  # whose quantiles are whole numbers, which cannot be stretched
            direct = widened(direct, *here, past, first, quantiles, lambda *rows: at(past, *rows))
        found.append(direct)
    return TRANSFORMS[model.reads_.transform].restored(np.concatenate(found), quantiles)


def tabled(model: Any, data: Panel, forecasts: np.ndarray) -> Any:
    """Return the table of forecasts [S, steps, 1 + Q] of the rows after the end of each series."""
    steps, horizon = forecasts.shape[1], int(model.horizon)
    assert data.frequency is not None
    times = data.frequency.after(data.times[data.starts[1:] - 1, None], np.arange(1, steps + 1))
    first = np.arange(len(data.ids))[:: len(data.target_names)]  # of the series of all targets of one
    columns = data.by_target(model.forecast_names, forecasts)
    if steps > horizon:
        columns["rolled_out"] = np.tile(np.arange(steps) >= horizon, len(first))
    return data.table(np.repeat(first, steps), times[first].ravel(), columns)


def outputs(model: Any, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return forecasts [B, horizon, 1 + Q] on the scale that is learned, from the inputs of the network."""
    quantiles = sorted(model.quantiles)
    others = {name: x for name, x in given.items() if name not in ("window", "spread")}
    z, mean, spread = window_norm(given["window"], given.get("spread"))
    inputs = {"normalized": z.astype(np.float32), **others}
    device = next(model.network_.parameters()).device
    with torch.inference_mode(), limited_threads(model.threads):
        tensors = {name: torch.from_numpy(x).to(device) for name, x in inputs.items()}
        y = model.network_.run(tensors, "calibrated" if model.reads_.calibrated else "scaled")
    if model.loss not in FAMILIES:
        return restore(y.cpu().numpy(), mean, spread)
    return FAMILIES[model.loss].forecasts(distribution(model.loss, y.cpu().numpy(), mean, spread), quantiles)
