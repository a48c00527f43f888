"""A picture of a text in which the units that a model did not expect are dark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keepgate.tasks.common.report.figures import new_figure

COLUMNS = 70
MOST = 8.0  # bits of the darkest ground
SHOWN: dict[str, str] = {"\n": "¶", "\t": "→"}


def surprise_figure(texts: Sequence[str], bits: np.ndarray) -> Figure:
    """Return a figure of the texts of units, each character on a ground as dark as its unit's bits [N] are many."""
    places, column, row = [], 0, 0
    for text, surprise in zip(texts, bits, strict=True):
        for character in text:
            if column == COLUMNS:
                column, row = 0, row + 1
            places.append((column, row, character, surprise))
            column, row = (0, row + 1) if character == "\n" else (column + 1, row)
    rows = row + 1
    figure, axes = new_figure(9.0, 0.22 * rows + 0.8)
    colours = colormaps["Oranges"]
    for column, row, character, surprise in places:
        axes.add_patch(Rectangle((column, row), 1, 1, color=colours(min(surprise / MOST, 1.0) * 0.9), linewidth=0))
        shown = SHOWN.get(character) or character
        if shown.isprintable() and shown.strip():
            ink = "white" if surprise > 0.7 * MOST else "black"
            axes.text(
                column + 0.5, row + 0.75, shown.replace("$", r"\$"), family="monospace", size=8, ha="center", color=ink
            )
    axes.set(xlim=(0, COLUMNS), ylim=(rows, 0), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    scale = figure.colorbar(
        ScalarMappable(Normalize(0, MOST), ListedColormap(colours(np.linspace(0, 0.9, 64)))),
        ax=axes,
        orientation="horizontal",
        fraction=0.5 / (rows + 3),
        pad=0.02,
        aspect=60,
    )
    scale.set_label("surprise of a unit in bits", size=8)
    return figure
