"""A picture of predicted against true numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keepgate.tasks.common.report.figures import name_in_figure, new_figure

MOST = 2_000  # sequences shown, spread over all


def predicted_figure(
    truth: np.ndarray, predicted: np.ndarray, bounds: tuple[np.ndarray, np.ndarray] | None, name: str
) -> Figure:
    """Return a figure with a point for each of up to 2,000 sequences, and the line on which all would lie.

    Args:
        truth: [N].
        predicted: [N].
        bounds: the two ends of each point's bar, [N] each; None: no bars.
        name: of the numbers.
    """
    shown = np.unique(np.linspace(0, len(truth) - 1, MOST).round().astype(int))
    figure, axes = new_figure(5.0, 5.0)
    if bounds is not None:
        low, high = bounds
        axes.vlines(truth[shown], low[shown], high[shown], color="C0", alpha=0.25, linewidth=1)
    axes.plot(truth[shown], predicted[shown], ".", color="C0", alpha=0.6)
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    axes.plot(ends, ends, color="0.5", linewidth=1)
    axes.set(xlabel=f"true {name_in_figure(name)}", ylabel=f"predicted {name_in_figure(name)}")
    return figure
