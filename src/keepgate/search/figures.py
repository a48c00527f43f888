"""Figures of a search: the family tree of what was found, and scores beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keepgate.search.comparison import Comparison
from keepgate.search.evolution import Member
from keepgate.tasks.common.report.figures import name_in_figure, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["family_figure", "scores_figure"]

LABEL = 0.12  # of the width, for a name
LOWEST = 0.05  # quantile of scores, below which members are drawn at the edge


def family_figure(members: Sequence[Member], lineage: Sequence[Member]) -> Figure:
    """Return the family tree: who came of whom, in the order of birth.

    The ancestors of what was found stand out, with the mutations of those that have room for them.

    Args:
        members: all that were tried.
        lineage: the ancestors of the cell that was found, itself last.
    """
    figure, axes = new_figure(9.0, 5.0)
    scores = np.array([member.score for member in members])
    floor = float(np.quantile(scores, LOWEST))
    height = np.maximum(scores, floor)
    among = {member.number for member in lineage}
    for member in members:
        for parent in member.parents:
            own = member.number in among and parent in among
            style = {"color": "C3", "linewidth": 1.6, "zorder": 3} if own else {"color": "0.85", "linewidth": 0.5}
            axes.plot([parent, member.number], [height[parent], height[member.number]], **style)
    axes.scatter(range(len(members)), height, s=8, color="0.6", zorder=2)
    axes.scatter([m.number for m in lineage], [height[m.number] for m in lineage], s=28, color="C3", zorder=4)
    for above, member in zip(itertools.cycle((True, False)), _apart(lineage, len(members)), strict=False):
        said = ", ".join(member.how) if member.parents else member.name
        place = {"xytext": (0, 8 if above else -14), "textcoords": "offset points", "ha": "center"}
        axes.annotate(name_in_figure(said), (member.number, height[member.number]), fontsize=7, zorder=5, **place)
    axes.set(xlabel="cells in the order in which they were tried", ylabel="mean score while trained, all tasks")
    return figure


def _apart(lineage: Sequence[Member], count: int) -> list[Member]:
    """Return the members whose names have room beside each other, the last and then the first of all."""
    named: list[Member] = []
    for member in (lineage[-1], *lineage):
        if all(abs(member.number - other.number) > LABEL * count for other in named):
            named.append(member)
    return sorted(named, key=lambda member: member.number)


def scores_figure(comparison: Comparison) -> Figure:
    """Return the scores of every contender on every task, a dot a seed."""
    names, tasks = list(comparison.scores), list(next(iter(comparison.scores.values())))
    figure, axes = new_figure(8.0, 3.6)
    width = 0.8 / len(names)
    for at, name in enumerate(names):
        for column, task in enumerate(tasks):
            scores = comparison.scores[name][task]
            place = column - 0.4 + (at + 0.5) * width
            label = name_in_figure(name) if column == 0 else None
            axes.bar(place, float(np.mean(scores)), width * 0.9, color=f"C{at}", alpha=0.5, label=label)
            axes.scatter([place] * len(scores), scores, s=8, color=f"C{at}", zorder=3)
    lowest = min(min(scores) for rows in comparison.scores.values() for scores in rows.values())
    axes.set(xticks=range(len(tasks)), xticklabels=[*map(name_in_figure, tasks)], ylabel="share of the loss explained")
    axes.set_ylim(min(lowest, 0) * 1.05, 1.05)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure
