"""The picture `results.png`: every ratio, a panel for each suite."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.cases import SUITES
from benchmarks.results import Row
from keepgate.store import write_atomic

__all__ = ["plot"]

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red")
LINE, PANEL, WIDTH, LEAST = 0.16, 0.5, 15, 2  # inches
COLUMNS = 2
TICKS = [2.0**power for power in range(-5, 10)]


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw all rows to a PNG file."""
    threads = sorted({row.threads for row in rows}, reverse=True)
    columns = _columns({name: [row for row in rows if row.suite == name] for name in SUITES})
    height = max(LEAST, *(_height(column) for column in columns))
    figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=100)
    parts = figure.subfigures(1, len(columns), squeeze=False)[0]
    ratios = [ratio for row in rows for ratio in (row.ratio_lower, row.ratio_upper, row.goal, 1.0)]
    for part, column in zip(parts, columns, strict=True):
        heights = [_height([own]) for own in column]
        panels = part.subplots(len(column), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, own in zip(panels, column, strict=True):
            _panel(panel, own, threads)
            panel.set_xlim(min(ratios) / 1.2, max(ratios) * 1.2)
        panels[-1].set_xlabel("ratio: time (or memory) of the peer over ours; grey: asked", fontsize=8)
    handles, labels = parts[0].axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(threads), fontsize=8)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_atomic(path, image.getvalue())


def _columns(suites: dict[str, list[Row]]) -> list[list[list[Row]]]:
    """Return the rows of each suite, shared out to columns of like height."""
    columns: list[list[list[Row]]] = [[] for _ in range(COLUMNS)]
    for own in filter(None, suites.values()):
        min(columns, key=_height).append(own)
    return [column for column in columns if column]


def _height(suites: Sequence[Sequence[Row]]) -> float:
    return sum(LINE * len(_lines(own)) + PANEL for own in suites)


def _lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the cases of rows, each once."""
    return list(dict.fromkeys(row.key[1:-1] for row in rows))


def _panel(panel: Any, rows: Sequence[Row], threads: Sequence[int]) -> None:
    """Draw one suite: a line for each case with its error, a dot with its quartiles for each number of threads."""
    lines = _lines(rows)
    for i, (n, colour) in enumerate(zip(threads, COLOURS, strict=False)):
        own = [row for row in rows if row.threads == n]
        at = [lines.index(row.key[1:-1]) + 0.3 * (i - (len(threads) - 1) / 2) for row in own]
        spread = [[r.ratio - r.ratio_lower for r in own], [r.ratio_upper - r.ratio for r in own]]
        label = f"{n} thread{'s' if n > 1 else ''}"
        panel.errorbar([r.ratio for r in own], at, xerr=spread, fmt="o", ms=3, lw=1, color=colour, label=label)
    for row in rows:
        y = lines.index(row.key[1:-1])
        panel.plot([row.goal] * 2, [y - 0.5, y + 0.5], color="0.6", lw=1)
    errors = [max(row.max_error for row in rows if row.key[1:-1] == line) for line in lines]
    panel.set_title(SUITES[rows[0].suite].title, loc="left", fontsize=9, fontweight="bold")
    panel.axvline(1, color="black", lw=0.8)
    panel.set_xscale("log")
    panel.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS], fontsize=7)
    panel.minorticks_off()
    panel.grid(axis="x", color="0.92")
    panel.set_axisbelow(True)
    panel.set_yticks(range(len(lines)), [" ".join(line) for line in lines], fontsize=6)
    panel.set_ylim(len(lines) - 0.5, -0.5)
    right = panel.secondary_yaxis("right")
    right.set_yticks(range(len(lines)), [f"error {error:.0e}" for error in errors], fontsize=6)
