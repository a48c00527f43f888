"""`Panel`: the series of a long table, checked, sorted and ready to be cut into windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np

from keepgate.data.tables.frequency import Frequency
from keepgate.errors import InputError, quoted, reason

__all__ = ["TARGET", "Panel", "filled"]

TARGET = "(target)"  # the attribute that says which of several targets a series is of


@dataclass(frozen=True)
class Panel:
    """S series of one frequency, one after the other in N rows; each begins and ends with a row that has a target.

    Attributes:
        source: the file or table, for messages.
        names: the columns of id, time, target and the covariates.
        ids: narwhals series [S] of the table's library.
        times: [N] datetime64[us] or int64, one step apart within a series.
        time_type: the dtype of the times in the table.
        values: [N, 1 + covariates] float64, the target first; what is missing is NaN.
        starts: [S + 1]; series s has the rows starts[s] to starts[s + 1].
        frequency: the step between rows; None if no series has two.
        counters: names of covariates that nobody chose and that only count rows.
        known: names of the columns that are known ahead.
        plan: their values in the N rows, [N, K].
        ahead: their values in the rows after the end of each series, [S, A, K]; NaN where none is given.
        statics: the columns of attributes, each with the text that it has in each series.
        skipped: a sentence for each series that was left out.
        skip_bad: whether a series that cannot be used is left out, instead of raising an error.
        wall: the times are those of the clocks in the table's time zone, not of UTC.
        targets: the names of several targets; then there is a series for each of them, see `targets.for_each`.
    """

    source: str
    names: tuple[str, ...]
    ids: nw.Series
    times: np.ndarray
    time_type: Any
    values: np.ndarray
    starts: np.ndarray
    frequency: Frequency | None
    counters: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    plan: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    ahead: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    statics: dict[str, list[str]] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    skip_bad: bool = False
    wall: bool = False
    targets: tuple[str, ...] = ()

    @property
    def lengths(self) -> np.ndarray:
        """The number of rows of each series, [S]."""
        return np.diff(self.starts)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of the covariates."""
        return self.names[3:]

    @property
    def keys(self) -> list[str]:
        """The name of each series, with that of its target where there are several, [S]."""
        ids = [str(name) for name in self.ids.to_list()]
        if not self.targets:
            return ids
        return [f"{name}: {target}" for name, target in zip(ids, self.statics[TARGET], strict=True)]

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of all targets, of which there may be one."""
        return self.targets or (self.names[2],)

    def by_target(self, names: Callable[[str], Sequence[str]], values: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns of a table with a row for each time, those of each target, from values [S, rows, N].

        Args:
            names: from the name of a target to those of its N columns.
            values: of the series of all targets.
        """
        parts = values.reshape(-1, len(self.target_names), *values.shape[1:])
        return {
            name: parts[:, d, :, k].ravel()
            for d, target in enumerate(self.target_names)
            for k, name in enumerate(names(target))
        }

    def of(self, target: str) -> Panel:
        """Return the series of one of several targets."""
        mine = np.array([name == target for name in self.statics[TARGET]])
        return self.cut(np.zeros_like(self.lengths), np.where(mine, self.lengths, 0))

    def with_covariates(self, names: Sequence[str]) -> Panel:
        """Return the panel with these covariates, in this order.

        Raises:
            InputError: the panel lacks one.
        """
        missing = [name for name in names if name not in self.covariates]
        if missing:
            raise InputError(
                f"{self.source} has no column {quoted(missing[0])}, a covariate that the model was trained with: add it"
            )
        columns = [0, *(1 + self.covariates.index(name) for name in names)]
        return replace(self, names=(*self.names[:3], *names), values=self.values[:, columns])

    def without_counters(self) -> Panel:
        """Return the panel without the covariates that only count rows; they stay in `counters`."""
        kept = self.with_covariates([name for name in self.covariates if name not in self.counters])
        return replace(kept, counters=self.counters)

    def cut(self, first: np.ndarray, last: np.ndarray) -> Panel:
        """Return rows first[s] to last[s], counted from the start of series s; a series without rows is left out."""
        kept = np.flatnonzero(last > first)
        rows = np.concatenate([np.arange(self.starts[s] + first[s], self.starts[s] + last[s]) for s in kept])
        starts = np.concatenate([[0], np.cumsum((last - first)[kept])])
        whole = np.array_equal((last - first)[kept], self.lengths[kept])
        return replace(
            self,
            ids=self.ids[kept.tolist()],
            times=self.times[rows],
            values=self.values[rows],
            starts=starts,
            plan=self.plan[rows],
            ahead=self.ahead[kept] if whole else np.zeros((len(kept), 0, len(self.known))),
            statics={name: [texts[s] for s in kept] for name, texts in self.statics.items()},
        )

    def only(self, kept: np.ndarray, why: str) -> Panel:
        """Return the series where `kept` [S] is true; the others are named in `skipped`.

        Args:
            kept: booleans.
            why: the others are left out, for the sentence.
        """
        names = tuple(f"series {quoted(self.ids[int(s)])} is left out: {why}" for s in np.flatnonzero(~kept))
        part = self.cut(np.zeros_like(self.lengths), np.where(kept, self.lengths, 0))
        return replace(part, skipped=self.skipped + tuple(dict.fromkeys(names)))

    def need(self, rows: int, why: str) -> None:
        """Check that every series has enough rows.

        Args:
            rows: how many.
            why: for the message.

        Raises:
            InputError: a series is shorter.
        """
        short = np.flatnonzero(self.lengths < rows)
        if len(short):
            s, more = short[0], len(short) - 1
            length = self.lengths[s]
            others = f" (and {more} other series {'is' if more == 1 else 'are'} too short)" if more else ""
            raise InputError(
                f"{self.source}: series {quoted(self.ids[int(s)])} has {length} row{'s' if length > 1 else ''}{others} "
                f"where {rows} are needed ({why}): give more rows, take the series away, or say skip_bad"
            )

    def table(self, series: np.ndarray, times: np.ndarray, columns: dict[str, np.ndarray]) -> Any:
        """Return a table of the panel's own library: id and time columns, then further columns.

        Args:
            series: index of the series of each row, [rows].
            times: [rows], as in the panel.
            columns: the further columns by name, [rows] each.

        Raises:
            InputError: the table's type of times cannot express one.
        """
        frame, build = self._frame(series, columns)
        time = nw.new_series(self.names[1], times, backend=self.ids.implementation)
        try:
            return frame.with_columns(_as_type(time, self.time_type, self.wall), *build).to_native()
        except Exception as error:  # of the table's own library, for times that its type cannot say
            raise InputError(f"{self.source}: the times after its end cannot be expressed: {reason(error)}") from error

    def listed(self, series: np.ndarray, columns: dict[str, np.ndarray]) -> Any:
        """Return such a table without times."""
        frame, build = self._frame(series, columns)
        return frame.with_columns(*build).to_native()

    def _frame(self, series: np.ndarray, columns: dict[str, np.ndarray]) -> tuple[nw.DataFrame, list[nw.Series]]:
        ids = self.ids[series.tolist()]
        build = [nw.new_series(name, values, backend=ids.implementation) for name, values in columns.items()]
        return nw.maybe_reset_index(ids.alias(self.names[0]).to_frame()), build


def filled(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return values [N, ...] of series with the last one that was there in the place of each missing one.

    Before the first of a series that is there stands that one; in a series without any, zero. Nothing comes from later
    than the row itself but before the first value, so a window never sees what follows it.
    """
    shape = (-1, *[1] * (values.ndim - 1))
    rows = np.arange(len(values)).reshape(shape)
    first = np.repeat(starts[:-1], np.diff(starts)).reshape(shape)
    there = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(there, rows, -1), axis=0)
    later = np.minimum.accumulate(np.where(there, rows, len(values))[::-1], axis=0)[::-1]
    until = np.repeat(starts[1:], np.diff(starts)).reshape(shape)
    source = np.where(last >= first, last, np.where(later < until, later, -1))
    taken = np.take_along_axis(values, np.maximum(source, 0), axis=0)
    return np.where(source >= 0, taken, 0.0)


def _as_type(column: nw.Series, kind: Any, wall: bool) -> nw.Series:
    """Return times of the panel in the table's type; text comes back as timestamps."""
    if kind.is_integer() or kind == nw.Date:
        return column.cast(kind)
    if not isinstance(kind, nw.Datetime):
        return column
    if kind.time_zone:
        zoned = column.dt.replace_time_zone(kind.time_zone if wall else "UTC")
        column = zoned if wall else zoned.dt.convert_time_zone(kind.time_zone)
    return column.cast(kind)
