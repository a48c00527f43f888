"""A picture of free runs beside the truth."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keepgate.data.tables.panel import Panel
from keepgate.tasks.common.report.figures import ShownFigure, name_in_figure

MOST = 4  # series shown, spread over all


def free_run_figure(data: Panel, runs: np.ndarray) -> Figure:
    """Return a figure with a pair of axes for each of up to four series: truth and free run, and below the residual.

    Args:
        data: S series.
        runs: over their last rows, [S, horizon].
    """
    shown = np.unique(np.linspace(0, len(data.ids) - 1, MOST).round().astype(int))
    figure = ShownFigure(figsize=(7.0, 0.6 + 2.6 * len(shown)), layout="constrained")
    rows = figure.subplots(2 * len(shown), squeeze=False, height_ratios=[2, 1] * len(shown))[:, 0]
    horizon = runs.shape[1]
    for axes, residual, s in zip(rows[::2], rows[1::2], shown, strict=True):
        begin, end = data.starts[s], data.starts[s + 1]
        seen = slice(max(begin, end - 2 * horizon), end)
        ahead = data.times[end - horizon : end]
        axes.plot(
            data.times[seen], data.values[seen, 0], color="0.35", linewidth=1, label=name_in_figure(data.names[2])
        )
        axes.plot(ahead, runs[s], color="C0", linewidth=1.5, label="free run")
        axes.set_title(name_in_figure(data.ids[int(s)]), loc="left", fontsize="medium")
        residual.plot(ahead, runs[s] - data.values[end - horizon : end, 0], color="C3", linewidth=1)
        residual.set_ylabel("error")
        residual.sharex(axes)
        for one in (axes, residual):
            one.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), fontsize="small")
    return figure
