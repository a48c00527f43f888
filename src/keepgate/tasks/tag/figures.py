"""A picture of sentences in which spans stand on grounds of their kind's color, with the kind and the score above."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keepgate.tasks.common.report.figures import name_in_figure, new_figure
from keepgate.tasks.tag.scores import Span

COLUMNS = 110  # characters of a line
ROW = 0.36  # inches

Piece = tuple[int, int, str]  # column, row and text of a token


def spans_figure(sentences: Sequence[tuple[Sequence[str], Sequence[tuple[Span, float]]]]) -> Figure:
    """Return a figure of sentences, each with its spans and their scores."""
    kinds = sorted({span.kind for _, found in sentences for span, _ in found})
    colors = {kind: colormaps["Pastel1"](k % 9) for k, kind in enumerate(kinds)}
    drawn, row = [], 0
    for tokens, found in sentences:
        pieces = _placed(tokens, row)
        drawn.append((pieces, found))
        row = pieces[-1][1] + 1
    figure, axes = new_figure(11.0, ROW * row + 0.2)
    for pieces, found in drawn:
        for column, line, text in pieces:
            axes.text(column, line + 0.9, name_in_figure(text), family="monospace", size=8)
        for span, score in found:
            inside = pieces[span.start : span.stop]
            for line in sorted({piece[1] for piece in inside}):
                part = [piece for piece in inside if piece[1] == line]
                begin, end = part[0][0], part[-1][0] + cells(part[-1][2])
                axes.add_patch(
                    Rectangle((begin - 0.3, line + 0.5), end - begin + 0.6, 0.5, color=colors[span.kind], zorder=0)
                )
            column, line, _ = inside[0]
            axes.text(column, line + 0.44, f"{name_in_figure(span.kind)} {score:.2f}", size=5.5, color="0.35")
    axes.set(xlim=(-1, COLUMNS + 1), ylim=(row, 0), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure


def cells(text: str) -> int:
    """Return how many columns a text takes: East Asian characters take two, combining marks none."""
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def _placed(tokens: Sequence[str], row: int) -> list[Piece]:
    """Return where each token stands: lines break between tokens."""
    pieces, column = [], 0
    for token in tokens:
        text = token if len(token) <= COLUMNS // 4 else f"{token[: COLUMNS // 4 - 1]}…"
        if column and column + cells(text) > COLUMNS:
            column, row = 0, row + 1
        pieces.append((column, row, text))
        column += cells(text) + 1
    return pieces
