"""A picture of the attention of a translation."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from keepgate.tasks.common.report.figures import name_in_figure, new_figure
from keepgate.tasks.translate.search import Translation

END = "■"
MOST = 60  # pieces drawn of a text


def attention_figure(translation: Translation) -> Figure:
    """Return weights of attention as shades of a grid: the source's first pieces across, the translation's down."""
    rows, columns = _labels(translation.pieces)[:MOST], _labels(translation.source_pieces[:-1])[:MOST]
    figure, axes = new_figure(1.6 + 0.32 * len(columns), 1.2 + 0.3 * len(rows))
    axes.imshow(translation.weights[: len(rows), : len(columns)], cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set(xticks=range(len(columns)), yticks=range(len(rows)), yticklabels=rows)
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="left", rotation_mode="anchor")
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    return figure


def _labels(pieces: Sequence[str]) -> list[str]:
    """Return pieces as they are read, one that continues a word after a `-`, and the end."""
    labels = (piece.strip() if piece.startswith(" ") or not piece[:1].isalnum() else f"-{piece}" for piece in pieces)
    return [*map(name_in_figure, labels), END]
