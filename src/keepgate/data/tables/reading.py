"""`panel`: a table of series, of whatever shape people have it, as a `Panel`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from keepgate import limits
from keepgate.data.lines import check_names
from keepgate.data.tables.columns import (
    ANY_TABLE,
    cells_of,
    in_order_of_appearance,
    numbers,
    time_type,
    times,
    to_frame,
)
from keepgate.data.tables.counting import row_counters
from keepgate.data.tables.frequency import Frequency, infer
from keepgate.data.tables.panel import Panel
from keepgate.data.tables.shapes import as_long, with_index
from keepgate.data.tables.targets import for_each
from keepgate.errors import InputError, quoted, reason

__all__ = ["panel", "with_future"]

Place = Callable[[int], str]  # of a row, for messages


def panel(
    table: Any,
    *,
    id_column: str = "unique_id",
    time_column: str = "ds",
    target_column: str = "y",
    target_columns: Sequence[str] = (),
    covariate_columns: Sequence[str] | None = None,
    known_columns: Sequence[str] = (),
    static_columns: Sequence[str] = (),
    skip_bad: bool = False,
    source: str = ANY_TABLE,
) -> Panel:
    """Return the panel of a table: one row for each time of each series, in any order.

    Values may be missing, and so may rows in between. The rows after the last value of a series' target are its
    future, of which only the columns known ahead count.

    Args:
        table: pandas, polars or pyarrow; see `keepgate.data.tables.shapes.as_long` for other shapes than long ones.
        id_column: names the series of a row.
        time_column: its time.
        target_column: its value.
        target_columns: several values in its place, which are targets together; see `targets.for_each`.
        covariate_columns: further values that are known; None: all other columns.
        known_columns: further values that are known ahead.
        static_columns: attributes, the same in all rows of a series.
        skip_bad: leave out a series that cannot be used, and name it in `skipped`, instead of raising an error.
        source: how messages call the table.

    Raises:
        InputError: a column is missing or holds text, a time comes twice within a series, or steps are not the same
            everywhere; the message names column and row.
    """
    targets = tuple(target_columns) or (target_column,)
    if covariate_columns is not None:
        covariate_columns = [name for name in covariate_columns if name not in targets[len(targets) == 1 :]]
    chosen = (*targets[1:], *(covariate_columns or ()), *known_columns, *static_columns)
    check_names((id_column, time_column, targets[0], *chosen), "the choice of columns")
    table = as_long(table, id_column, time_column, targets[0], source, chosen, ", ".join(targets))
    frame = to_frame(table, (id_column, time_column, targets[0], *chosen), source)
    roles = (id_column, time_column, *targets, *known_columns, *static_columns)
    if covariate_columns is None:
        covariate_columns, unchosen = [name for name in frame.columns if name not in roles], True
    else:
        unchosen = False
    codes, ids = _series(frame[id_column], source)
    when, wall = _times(frame[time_column], codes, source)
    columns = {name: numbers(frame[name], source, gaps=True) for name in (*targets, *covariate_columns, *known_columns)}
    order = np.lexsort((when, codes))
    chance = {name: columns[name] for name in covariate_columns} if unchosen else {}
    counters = tuple(row_counters(chance, codes, order))
    statics = {name: _static(frame[name], codes, ids, source) for name in static_columns}
    values = np.stack([*columns.values()], axis=1)[order]
    codes, when = codes[order], when[order]

    def place(i: int) -> str:
        return f"{source}, row {order[i] + 1}: series {quoted(ids[int(codes[i])])}"

    faults, frequency, steps = _faults(when, codes, place, frame[time_column], order)
    rows = _Rows(codes, when, values, steps, len(ids), frequency, len(targets))
    faults.update({s: text for s, text in rows.faults(source, ids, targets).items() if s not in faults})
    if faults and (not skip_bad or len(faults) == len(ids)):
        raise InputError(faults[min(faults)])
    kept = np.array([s not in faults for s in range(len(ids))])
    width = len(targets) + len(covariate_columns)
    times_, filled, ahead, starts = rows.regular(kept, width)
    found = Panel(
        source,
        (id_column, time_column, *targets, *covariate_columns),
        ids[np.flatnonzero(kept).tolist()],
        times_,
        time_type(frame[time_column]),
        filled[:, :width],
        starts,
        frequency,
        counters,
        tuple(known_columns),
        filled[:, width:],
        ahead,
        {name: [texts[s] for s in np.flatnonzero(kept)] for name, texts in statics.items()},
        tuple(f"series {quoted(ids[s])} is left out: {text}" for s, text in sorted(faults.items())),
        skip_bad,
        wall,
    )
    return found if len(targets) == 1 else for_each(found, targets)


def with_future(data: Panel, table: Any, source: str = "the table of the future") -> Panel:
    """Return a panel with what a table says of the rows after the end of its series.

    Args:
        data: the series.
        table: columns id, time and all that are known ahead, called as in the panel; without ids for one series. Rows
            of other series, or before a series' end, do not count.
        source: how messages call the table.

    Raises:
        InputError: a column is missing, or a time is no step after a series' end.
    """
    if data.targets:
        told = with_future(replace(data.of(data.targets[0]), targets=()), table, source)
        return replace(data, ahead=np.repeat(told.ahead, len(data.targets), axis=0))
    id_column, time_column = data.names[:2]
    frame = to_frame(with_index(table, time_column, ""), (time_column, *data.known), source)
    names = [str(name) for name in data.ids.to_list()]
    if id_column in frame.columns:
        texts = [str(cell) for cell in cells_of(frame[id_column], f"{source}, column {quoted(id_column)}")]
    elif len(names) == 1:
        texts = names * len(frame)
    else:
        raise InputError(f"{source} has no column {quoted(id_column)}: say which series each row is of")
    place = {name: s for s, name in enumerate(names)}
    series = np.array([place.get(text, -1) for text in texts])
    column = frame[time_column]
    when = _by_the_clock(column, source) if data.wall else times(column, source)
    rows = np.flatnonzero(series >= 0)
    ends = data.times[data.starts[1:] - 1][series[rows]]
    rows, ends = rows[when[rows] > ends], ends[when[rows] > ends]
    assert data.frequency is not None
    steps = data.frequency.between(ends, when[rows])
    if (steps == 0).any():
        i = rows[np.argmin(steps)]
        raise InputError(
            f"{source}, row {i + 1}: {_shown(when[i])} is no whole number of steps of {data.frequency} after the end "
            f"of series {quoted(texts[i])}"
        )
    reach = int(max(steps.max(initial=0), data.ahead.shape[1]))
    limits.check("cells", reach * len(names) * max(len(data.known), 1), source)
    ahead = np.full((len(names), reach, len(data.known)), np.nan)
    ahead[:, : data.ahead.shape[1]] = data.ahead
    for k, name in enumerate(data.known):
        ahead[series[rows], steps - 1, k] = numbers(frame[name], source, gaps=True)[rows]
    return replace(data, ahead=ahead)


class _Rows:
    """Sorted rows of a table, their steps known, on the way to a panel's rows.

    Args:
        codes: the series of each row, ascending.
        when: the time of each row.
        values: the targets, covariates and what is known ahead, [rows, columns].
        steps: from the row before in the same series, [rows]; 0 in its first row.
        count: of series.
        frequency: of all.
        targets: how many there are.
    """

    def __init__(
        self,
        codes: np.ndarray,
        when: np.ndarray,
        values: np.ndarray,
        steps: np.ndarray,
        count: int,
        frequency: Frequency | None,
        targets: int,
    ) -> None:
        self.codes, self.when, self.values, self.steps = codes, when, values, steps
        self.there = ~np.isnan(values[:, :targets])
        self.count, self.frequency = count, frequency
        total = np.cumsum(steps)
        first = np.searchsorted(codes, np.arange(count))
        self.nth = total - total[first][codes]  # the row's place in its series, gaps counted
        seen = np.flatnonzero(self.there.any(1))
        self.begin, self.end = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
        np.minimum.at(self.begin, codes[seen], self.nth[seen])
        np.maximum.at(self.end, codes[seen], self.nth[seen])
        self.origin = when[first]
        self.present = np.bincount(codes, minlength=count)

    def faults(self, source: str, ids: nw.Series, targets: Sequence[str]) -> dict[int, str]:
        """Return why series cannot be used: no value of a target at all, or more rows missing than present."""
        length = np.where(self.end < 0, 0, self.end - self.begin + 1)
        limits.check("cells", int(min(length.sum(), 2**62)) * self.values.shape[1] if self._sane(length) else 0, source)
        texts = {}
        for target, there in zip(targets, self.there.T, strict=True):
            for s in np.flatnonzero(np.bincount(self.codes[there], minlength=self.count) == 0).tolist():
                texts[s] = f"{source}: series {quoted(ids[s])} has no value in column {quoted(target)}: give some"
        for s in np.flatnonzero(length > MOST_MISSING * self.present + 1):
            texts[int(s)] = (
                f"{source}: series {quoted(ids[int(s)])} has {self.present[s]:,} rows where {length[s]:,} steps of "
                f"{self.frequency} lie between its first and its last: resample, or number the steps 0, 1, 2, …"
            )
        return texts

    def _sane(self, length: np.ndarray) -> bool:
        return bool((length <= MOST_MISSING * self.present + 1).all())

    def regular(self, kept: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return of the series kept: times [N], values [N, columns], what is known ahead [S, A, K], starts [S + 1]."""
        series = np.flatnonzero(kept)
        length = (self.end - self.begin + 1)[series]
        starts = np.concatenate([[0], np.cumsum(length)])
        place = np.full(self.count, -1)
        place[series] = np.arange(len(series))
        mine = kept[self.codes]
        s, offset = place[self.codes[mine]], (self.nth - self.begin[self.codes])[mine]
        rows, within = self.values[mine], (offset >= 0) & (offset < length[s])
        values = np.full((starts[-1], self.values.shape[1]), np.nan)
        values[starts[s[within]] + offset[within]] = rows[within]
        beyond = offset - length[s]
        future = beyond >= 0
        known = rows[:, width:]
        reach = int(beyond[future].max()) + 1 if future.any() and known.shape[1] else 0
        limits.check("cells", reach * len(series) * max(known.shape[1], 1), "what is known ahead")
        ahead = np.full((len(series), reach, known.shape[1]), np.nan)
        if reach:
            ahead[s[future], beyond[future]] = known[future]
        nth = np.arange(starts[-1]) - np.repeat(starts[:-1], length) + np.repeat(self.begin[series], length)
        origin = np.repeat(self.origin[series], length)
        times_ = origin if self.frequency is None else self.frequency.after(origin, nth)
        return times_, values, ahead, starts


MOST_MISSING = 10  # steps a row on average, beyond which the step is not what the rows say


def _faults(
    when: np.ndarray, codes: np.ndarray, place: Place, column: nw.Series, order: np.ndarray
) -> tuple[dict[int, str], Frequency | None, np.ndarray]:
    """Return why series cannot be used by their times, the frequency, and each row's steps from the one before."""
    faults: dict[int, str] = {}
    same = codes[1:] == codes[:-1]
    for i in np.flatnonzero(same & (when[1:] == when[:-1])).tolist():
        faults.setdefault(
            int(codes[i]),
            f"{place(i + 1)} already has the time {_shown(when[i])} in row {order[i] + 1} of column "
            f"{quoted(column.name)}: keep one of the two",
        )
    steps = np.zeros(len(when), np.int64)
    if not (same & (when[1:] != when[:-1])).any():
        return faults, None, steps
    frequency, found = infer(when, same)
    steps[1:][same] = found
    zoned = getattr(time_type(column), "time_zone", None)
    for i in (np.flatnonzero(same & (steps[1:] == 0)) + 1).tolist():
        faults.setdefault(
            int(codes[i]),
            f"{place(i)} goes from {_shown(when[i - 1])} to {_shown(when[i])}{' UTC' if zoned else ''} where one step "
            f"is {frequency}: resample, or number the steps 0, 1, 2, … in column {quoted(column.name)}",
        )
    return faults, frequency, steps


def _times(column: nw.Series, codes: np.ndarray, source: str) -> tuple[np.ndarray, bool]:
    """Return times, and whether they are those of the clocks in their zone.

    They are where a day or more lies between rows, unless the steps are more often equal in UTC.
    """
    when = times(column, source)
    if not getattr(time_type(column), "time_zone", None) or len(when) < 2:
        return when, False
    local = _by_the_clock(column, source)
    (breaks, _), (by_clock, days) = (_breaks(part, codes) for part in (when, local))
    return (local, True) if by_clock < breaks or (days and by_clock == breaks) else (when, False)


def _by_the_clock(column: nw.Series, source: str) -> np.ndarray:
    try:
        return times(column.dt.replace_time_zone(None), source)
    except Exception as error:  # of the table's own library, such as for a zone that it does not know
        raise InputError(f"{source}, column {quoted(column.name)} is not read as times: {reason(error)}") from error


def _breaks(when: np.ndarray, codes: np.ndarray) -> tuple[int, bool]:
    """Return how many steps are not one after the other, and whether a step is a day or more."""
    order = np.lexsort((when, codes))
    when, codes = when[order], codes[order]
    same = codes[1:] == codes[:-1]
    if not same.any():
        return 0, False
    frequency, steps = infer(when, same)
    return int((steps != 1).sum()), bool(frequency.after(when[:1])[0] - when[0] >= np.timedelta64(1, "D"))


def _series(ids: nw.Series, source: str) -> tuple[np.ndarray, nw.Series]:
    """Return a code 0, 1, ... for each row's series in order of appearance, [N], and the series' ids, [S]."""
    where = f"{source}, column {quoted(ids.name)}"
    absent = np.flatnonzero(ids.is_null().to_numpy())
    if len(absent):
        raise InputError(f"{where}, row {absent[0] + 1} has no value: name the series")
    codes, _ = in_order_of_appearance(cells_of(ids, where), where)
    try:
        return codes, ids[np.unique(codes, return_index=True)[1].tolist()]
    except Exception as error:  # of the table's own library
        raise InputError(f"{where} cannot be used for names: {reason(error)}") from error


def _static(column: nw.Series, codes: np.ndarray, ids: nw.Series, source: str) -> list[str]:
    """Return the attribute of each series as text, "" where it has none.

    Raises:
        InputError: it changes within a series.
    """
    found: dict[int, str] = {}
    where = f"{source}, column {quoted(column.name)}"
    for i, (code, cell) in enumerate(zip(codes.tolist(), cells_of(column, where), strict=True), 1):
        text = "" if cell is None or cell != cell else str(cell)
        if text and found.setdefault(code, text) != text:
            raise InputError(
                f"{where}, row {i}: {quoted(text)} in series {quoted(ids[code])}, which had {quoted(found[code])}: an "
                "attribute is one for all rows of a series"
            )
    return [found.get(code, "") for code in range(len(ids))]


def _shown(time: Any) -> str:
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time).removesuffix(".000000").removesuffix(":00")
    return text.removesuffix("T00:00").replace("T", " ")
