"""Several targets of one series: each is a series of its own, which reads all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keepgate.data.tables.panel import TARGET, Panel

__all__ = ["for_each"]


def for_each(data: Panel, targets: Sequence[str]) -> Panel:
    """Return a panel with a series for each target of each series, those of one together, in order.

    Its first value is that target's, and all targets are covariates, known up to the last row; which one it is, is an
    attribute. So one model forecasts each from the past of all.

    Args:
        data: a panel whose values begin with those of the targets; it is called by the first.
        targets: their names, D of them.
    """
    count, series = len(targets), np.arange(len(data.ids))
    own = np.repeat(series, count)
    lengths = np.repeat(data.lengths, count)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(starts[-1]) - np.repeat(starts[:-1] - data.starts[own], lengths)
    which = np.repeat(np.tile(np.arange(count), len(series)), lengths)
    id_column, time_column, _, *covariates = data.names
    return replace(
        data,
        names=(id_column, time_column, ", ".join(targets), *targets, *covariates[count - 1 :]),
        ids=data.ids[own.tolist()],
        times=data.times[rows],
        values=np.column_stack([data.values[rows, which], data.values[rows]]),
        starts=starts,
        plan=data.plan[rows],
        ahead=data.ahead[own],
        statics={
            **{name: [texts[s] for s in own] for name, texts in data.statics.items()},
            TARGET: [*targets] * len(series),
        },
        targets=tuple(targets),
    )
