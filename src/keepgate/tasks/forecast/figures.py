"""Pictures of forecasts, the values that followed, and what moved them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keepgate.data.tables.panel import Panel
from keepgate.tasks.common.report.figures import ShownFigure, name_in_figure, new_figure
from keepgate.tasks.forecast.explanation import Effect

MOST = 6  # series shown, spread over all
PAST = 3  # horizons (or more, see below) of the past shown


def forecast_figure(data: Panel, forecasts: np.ndarray, quantiles: Sequence[float]) -> Figure:
    """Return a figure with a pair of axes for each of up to six series: its rows, and the forecast of the last ones.

    Args:
        data: S series of one length.
        forecasts: of their last rows, [S, horizon, 1 + Q]: the point and the ascending quantiles, of which the
            outermost two bound the interval.
        quantiles: ascending.
    """
    shown = np.unique(np.linspace(0, len(data.ids) - 1, MOST).round().astype(int))
    figure = ShownFigure(figsize=(7.0, 0.6 + 1.7 * len(shown)), layout="constrained")
    horizon = forecasts.shape[1]
    for axes, s in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        rows = slice(max(data.starts[s], data.starts[s + 1] - (PAST + 1) * max(horizon, 12)), data.starts[s + 1])
        ahead = data.times[data.starts[s + 1] - horizon : data.starts[s + 1]]
        axes.plot(
            data.times[rows], data.values[rows, 0], color="0.35", linewidth=1, label=name_in_figure(data.names[2])
        )
        axes.plot(ahead, forecasts[s, :, 0], color="C0", linewidth=1.5, label="forecast")
        if len(quantiles) > 1:
            label = f"{100 * quantiles[0]:g} % to {100 * quantiles[-1]:g} %"
            axes.fill_between(
                ahead, forecasts[s, :, 1], forecasts[s, :, -1], color="C0", alpha=0.25, linewidth=0, label=label
            )
        axes.set_title(name_in_figure(data.keys[s]), loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="x", labelrotation=0)
    figure.axes[0].legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), fontsize="small")
    return figure


def effects_figure(effects: Sequence[Effect]) -> Figure:
    """Return a figure of the mean size of effects: a line over past rows for each input, and bars for what is ahead."""
    figure, axes = new_figure()
    past = {e.input: [] for e in effects if e.first < 0}
    for name, points in past.items():
        points += [e for e in effects if e.input == name and e.first < 0]
        size = [float(np.abs(e.values).mean()) for e in points]
        edges = [*(e.first for e in points), points[-1].last + 1]
        axes.stairs(size, edges, label=name_in_figure(name), linewidth=1.5)
    ahead = [e for e in effects if e.first > 0]
    for k, e in enumerate(ahead):
        size, width = float(np.abs(e.values).mean()), (e.last - e.first + 1) / len(ahead)
        axes.bar(k * width, size, width, align="edge", alpha=0.5, label=f"{name_in_figure(e.input)}, ahead")
    axes.set(xlabel="rows before and after the end", ylabel="mean size of the effect")
    axes.legend(frameon=False, fontsize="small")
    return figure
