"""Figures that reports of several tasks show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keepgate.errors import printable
from keepgate.tasks.common.fitting import by_member

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST_NAME = 30  # characters of a name in a figure
MOST_NAMES = 100  # on an axis


class ShownFigure(Figure):
    """A figure that a notebook shows as it is, without pyplot."""

    def _repr_png_(self) -> bytes:
        """Return it as a PNG picture, as a notebook asks for it."""
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def new_figure(width: float = 7.0, height: float = 3.5) -> tuple[Figure, Axes]:
    """Return a figure of that many inches with one pair of axes, drawn without pyplot and so without a display."""
    figure = ShownFigure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def name_in_figure(name: object) -> str:
    """Return a name as a figure shows it: short, no control characters, and no formula where it has dollar signs."""
    text = str(name)
    short = text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
    hidden = " " if text.startswith("_") else ""  # from a legend, without a space before it
    return hidden + printable(short).replace("$", r"\$")


def learning_curve(history: Sequence[dict[str, Any]]) -> Figure:
    """Return a figure of loss against epoch from `history_`, with a line for each member of an ensemble."""
    figure, axes = new_figure()
    members = list(by_member(history).values())
    for color, (key, label) in enumerate((("train_loss", "training"), ("valid_loss", "held out"))):
        for k, rows in enumerate(members):
            losses = [row[key] for row in rows if row[key] is not None]
            if losses:
                epochs = [row["epoch"] for row in rows]
                marker = "." if len(epochs) < 30 else ""
                axes.plot(epochs, losses, color=f"C{color}", marker=marker, label="" if k else label)
    if any("valid_score" in row for row in history):
        beside = axes.twinx()
        for rows in members:
            scores = [row["valid_score"] for row in rows]
            beside.plot([row["epoch"] for row in rows], scores, color="C2", linestyle="--")
        axes.plot([], [], color="C2", linestyle="--", label="held-out score (right)")
        beside.set(ylabel="score")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Return a figure of a confusion matrix [K, K], true classes down and predicted ones across.

    It shows the counts of up to 25 classes, and the names of up to 100.
    """
    size = min(3.0 + 0.4 * len(names), 12.0)
    figure, axes = new_figure(size, size)
    axes.imshow(counts, cmap="Blues")
    ticks = range(len(names))
    axes.set(xlabel="predicted", ylabel="true")
    if len(names) <= MOST_NAMES:
        shown = [*map(name_in_figure, names)]
        axes.set(xticks=ticks, xticklabels=shown, yticks=ticks, yticklabels=shown)
        axes.tick_params(axis="x", rotation=90 if max(map(len, shown)) > 3 else 0)
    for (row, column), count in np.ndenumerate(counts if len(names) <= 25 else np.empty((0, 0))):
        colour = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return figure
