"""Pictures of learning within activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keepgate.tasks.common.report.figures import name_in_figure, new_figure

__all__ = ["curve_figure"]

STYLES: tuple[dict[str, Any], ...] = {"linewidth": 2.2, "zorder": 3}, {"linewidth": 1.0}  # the model's, the others'


def curve_figure(
    errors: Mapping[str, np.ndarray], measure: str, *, logarithmic: bool, along: str = "examples seen"
) -> Figure:
    """Return a figure of errors over the number of examples, or of steps.

    Args:
        errors: by model, [T] with NaN where it was not tried; the first model is drawn in front.
        measure: what an error is.
        logarithmic: whether the scale of errors is.
        along: what is counted.
    """
    figure, axes = new_figure()
    for k, (name, error) in enumerate(errors.items()):
        (at,) = np.nonzero(np.isfinite(error))
        style = {"color": f"C{k}", "marker": "." if len(at) < 12 else "", **STYLES[k > 0]}
        axes.plot(at, error[at], label=name_in_figure(name), **style)
    axes.set(xlabel=along, ylabel=measure, yscale="log" if logarithmic else "linear")
    axes.legend(frameon=False, fontsize="small")
    return figure
