"""Pictures of series, their reconstruction and anomalies, and of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keepgate.data.arrays import runs
from keepgate.tasks.common.report.figures import ShownFigure, name_in_figure, new_figure

CHANNELS = 4  # shown of a series
STEPS = 400  # shown of a series: around what stands out most


def series_figure(
    value: np.ndarray,
    restored: np.ndarray,
    names: Sequence[str],
    scores: np.ndarray | None = None,
    threshold: float = np.inf,
) -> Figure:
    """Return a figure of a series and its reconstruction: the channels that differ most, if not all fit.

    Of a long one it has the steps around the highest score, and below them the scores of all steps, with every stretch
    above the threshold.

    Args:
        value: the series, [T, C].
        restored: its reconstruction.
        names: of the channels.
        scores: of the steps, [T], which are drawn below; None: no scores.
        threshold: steps above it are shaded.
    """
    first = 0 if scores is None else max(min(int(scores.argmax()) - STEPS // 2, len(value) - STEPS), 0)
    steps = np.arange(first, min(first + STEPS, len(value)))
    error = np.square(value - restored)[steps].mean(axis=0) / (value.var(axis=0) + np.finfo(np.float64).tiny)
    shown = np.sort(np.argsort(-error, kind="stable")[:CHANNELS])
    rows, whole = len(shown) + (scores is not None), scores is not None and len(value) > STEPS
    figure = ShownFigure(figsize=(7.0, 0.5 + 1.2 * (rows + whole)), layout="constrained")
    parts = figure.subfigures(1 + whole, squeeze=False, height_ratios=[rows, *([1.2] if whole else [])])[:, 0]
    axes = parts[0].subplots(rows, sharex=True, squeeze=False)[:, 0]
    if whole and scores is not None:
        _overview(parts[1].subplots(), scores, threshold, steps)
    for ax, channel in zip(axes, shown, strict=False):
        ax.plot(steps + 1, value[steps, channel], color="0.35", linewidth=1, label="series")
        ax.plot(steps + 1, restored[steps, channel], color="C0", linewidth=1, label="reconstruction")
        ax.set_ylabel(name_in_figure(names[channel]))
    if scores is not None:
        axes[-1].plot(steps + 1, scores[steps], color="C3", linewidth=1)
        axes[-1].axhline(threshold, color="0.35", linewidth=0.8, linestyle="--")
        axes[-1].set(ylabel="score", yscale="log")
        for begin, end in runs(scores[steps] > threshold):
            for ax in axes:
                ax.axvspan(steps[begin] + 0.5, steps[end - 1] + 1.5, color="C3", alpha=0.2, linewidth=0)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("step")
    axes[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), fontsize="small")
    return figure


def _overview(ax: Any, scores: np.ndarray, threshold: float, steps: np.ndarray) -> None:
    """Draw the scores of all steps, the stretches above the threshold, and which steps are drawn below."""
    ax.plot(np.arange(1, len(scores) + 1), scores, color="C3", linewidth=0.7)
    ax.axhline(threshold, color="0.35", linewidth=0.8, linestyle="--")
    ax.axvspan(steps[0] + 0.5, steps[-1] + 1.5, color="0.5", alpha=0.15, linewidth=0)
    for begin, end in runs(scores > threshold):
        ax.axvspan(begin + 0.5, end + 0.5, color="C3", alpha=0.4, linewidth=0)
    ax.set(ylabel="score", yscale="log", title="all steps; above, those in gray")
    ax.title.set_fontsize("small")
    ax.spines[["top", "right"]].set_visible(False)


def map_figure(vectors: np.ndarray, labels: Any) -> Figure:
    """Return a figure of vectors [N, V] along their first two principal components, colored by up to ten labels."""
    figure, axes = new_figure(6.0, 5.0)
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    places = np.pad(centred @ directions[:2].T, ((0, 0), (0, max(2 - len(directions), 0))))
    names = np.zeros(len(vectors)) if labels is None else np.asarray(labels)
    kinds = np.unique(names)
    for kind in kinds if len(kinds) <= 10 else [None]:
        rows = slice(None) if kind is None else names == kind
        axes.scatter(*places[rows].T, s=12, label=None if labels is None else name_in_figure(kind))
    axes.set(xlabel="first component", ylabel="second component")
    if 1 < len(kinds) <= 10:
        axes.legend(frameon=False, fontsize="small", ncols=2)
    return figure
