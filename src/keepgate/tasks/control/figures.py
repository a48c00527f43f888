"""Pictures of a policy: its returns over the training, and one episode as strips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keepgate.tasks.common.report.figures import ShownFigure, name_in_figure
from keepgate.tasks.control.watching import Watched

__all__ = ["episode_strips", "return_curve"]

MOST_LINES = 8  # in a strip; more are shown as colours


def return_curve(history: Sequence[Mapping[str, Any]], baselines: Mapping[str, float] | None = None) -> Figure:
    """Return a figure of returns over steps, and over seconds.

    Args:
        history: rows of evaluations.
        baselines: mean returns by name, drawn dashed.
    """
    figure = ShownFigure(figsize=(8.0, 3.4), layout="constrained")
    seconds = np.cumsum([row["seconds"] for row in history])
    courses = {"environment steps": [row["steps"] for row in history], "seconds": seconds}
    for k, (label, x) in enumerate(courses.items()):
        axes = figure.add_subplot(1, 2, k + 1, sharey=figure.axes[0] if k else None)
        trained = [np.nan if row["return"] is None else row["return"] for row in history]
        evaluated, least = ([row[name] for row in history] for name in ("evaluated", "evaluated_least"))
        axes.plot(x, trained, color="0.6", linewidth=1, label="while learning")
        axes.fill_between(x, least, evaluated, color="C0", alpha=0.15, linewidth=0)
        axes.plot(
            x, evaluated, color="C0", marker="." if len(history) < 60 else "", label="evaluated, down to the worst"
        )
        for c, (name, value) in enumerate((baselines or {}).items(), 1):
            axes.axhline(value, color=f"C{c}", linestyle="--", linewidth=1, label=name)
        axes.set(xlabel=label, ylabel="" if k else "return")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize="small")
    return figure


def episode_strips(episode: Watched) -> Figure:
    """Return a figure of an episode: what was seen and hidden, done and gained, the value, the states and gates."""
    strips: dict[str, np.ndarray] = {"seen": episode.seen}
    if episode.hidden.shape[1]:
        strips["hidden, and the closest cell"] = episode.hidden
    strips |= {"action": episode.action, "reward": episode.reward[:, None], "value": episode.value[:, None]}
    strips |= {f"state {name}": value for name, value in episode.states.items()}
    strips |= {f"gate {name}": value for name, value in episode.gates.items() if value.shape[1] > 1}
    figure = ShownFigure(figsize=(8.0, 0.4 + 1.1 * len(strips)), layout="constrained")
    rows = figure.subplots(len(strips), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, values) in zip(rows, strips.items(), strict=True):
        _strip(axes, values)
        if name.startswith("hidden"):
            _beside(axes, episode)
        axes.set_ylabel(name_in_figure(name.partition(",")[0]), rotation=0, ha="right", va="center", fontsize="small")
    rows[-1].set_xlabel("step")
    return figure


def _strip(axes: Axes, values: np.ndarray) -> None:
    if values.shape[1] > MOST_LINES:
        axes.imshow(values.T, aspect="auto", interpolation="nearest", cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_yticks([])
    else:
        axes.plot(values, linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize="small")


def _beside(axes: Axes, episode: Watched) -> None:
    """Draw beside each hidden value the cell that goes with it best, stretched to its range."""
    cells = np.concatenate(list(episode.states.values()), 1)
    if len(cells) < 3:
        return
    moving = cells[:, cells.std(0) > 1e-9]
    for k, truth in enumerate(episode.hidden.T):
        if truth.std() > 1e-9 and moving.shape[1]:
            alike = np.corrcoef(truth, moving.T)[0, 1:]
            best = moving[:, np.argmax(np.abs(alike))]
            slope, offset = np.polyfit(best, truth, 1)
            axes.plot(slope * best + offset, linewidth=1, linestyle=":", color=f"C{k}")
