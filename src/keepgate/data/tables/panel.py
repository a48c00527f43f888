"""`Panel`: the series of a long table, checked, sorted and ready to be cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np

from keepgate.data.lines import check_names
from keepgate.data.tables.columns import ANY_TABLE, cells_of, in_order_of_appearance, numbers, times, to_frame
from keepgate.data.tables.counting import row_counters
from keepgate.data.tables.frequency import Frequency, infer
from keepgate.errors import InputError, quoted, reason

__all__ = ["Panel", "panel"]


@dataclass(frozen=True)
class Panel:
    """S series of one frequency, one after the other in N rows.

    Attributes:
        source: the file or table, for messages.
        names: the columns of id, time, target and the covariates.
        ids: narwhals series [S] of the table's library.
        times: [N] datetime64[us] or int64, ascending within a series.
        time_type: the dtype of the times in the table.
        values: [N, 1 + covariates] float64, the target first.
        starts: [S + 1]; series s has the rows starts[s] to starts[s + 1].
        frequency: the step between rows; None if no series has two.
        counters: names of covariates that nobody chose and that only count rows.
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

    @property
    def lengths(self) -> np.ndarray:
        """The number of rows of each series, [S]."""
        return np.diff(self.starts)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The names of the covariates."""
        return self.names[3:]

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
        return replace(
            self, ids=self.ids[kept.tolist()], times=self.times[rows], values=self.values[rows], starts=starts
        )

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
                f"where {rows} are needed ({why}): give more rows, take the series away, or fit with a smaller window"
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
        ids = self.ids[series.tolist()]
        build = {name: nw.new_series(name, values, backend=ids.implementation) for name, values in columns.items()}
        time = nw.new_series(self.names[1], times, backend=ids.implementation)
        frame = nw.maybe_reset_index(ids.alias(self.names[0]).to_frame())
        try:
            return frame.with_columns(_as_type(time, self.time_type), *build.values()).to_native()
        except Exception as error:  # of the table's own library, for times that its type cannot say
            raise InputError(f"{self.source}: the times after its end cannot be expressed: {reason(error)}") from error


def panel(
    table: Any,
    *,
    id_column: str = "unique_id",
    time_column: str = "ds",
    target_column: str = "y",
    covariate_columns: Sequence[str] | None = None,
    source: str = ANY_TABLE,
) -> Panel:
    """Return the panel of a long table: one row for each time of each series, in any order.

    Args:
        table: pandas, polars or pyarrow.
        id_column: names the series of a row.
        time_column: its time.
        target_column: its value.
        covariate_columns: further values that are known; None: all other columns.
        source: how messages call the table.

    Raises:
        InputError: a column is missing or holds text or gaps, a time comes twice within a series, or steps are not the
            same everywhere; the message names column and row.
    """
    needed = (id_column, time_column, target_column, *(covariate_columns or ()))
    check_names(needed, "the choice of columns")
    frame = to_frame(table, needed, source)
    if covariate_columns is None:
        needed = (*needed, *(name for name in frame.columns if name not in needed))
    codes, ids = _series(frame[id_column], source)
    when = times(frame[time_column], source)
    columns = {name: numbers(frame[name], source) for name in needed[2:]}
    order = np.lexsort((when, codes))
    values = np.stack([*columns.values()], axis=1)
    unchosen = {name: columns[name] for name in needed[3:]} if covariate_columns is None else {}
    counters = tuple(row_counters(unchosen, codes, order))
    codes, when = codes[order], when[order]

    def place(i: int) -> str:
        return f"{source}, row {order[i] + 1}: series {quoted(ids[int(codes[i])])}"

    same = codes[1:] == codes[:-1]
    twice = np.flatnonzero(same & (when[1:] == when[:-1]))
    if len(twice):
        i = twice[0]
        raise InputError(
            f"{place(i + 1)} already has the time {_shown(when[i])} in row {order[i] + 1} of column "
            f"{quoted(time_column)}: "
            "keep one of the two"
        )
    frequency, breaks = infer(when, same) if same.any() else (None, None)
    if breaks is not None:
        zoned = getattr(frame[time_column].dtype, "time_zone", None)
        clocks = ", take the time zone off if clocks changed" if zoned else ""
        raise InputError(
            f"{place(breaks)} goes from {_shown(when[breaks - 1])} to {_shown(when[breaks])}{' UTC' if zoned else ''} "
            f"where one step is {frequency}: fill the gap, resample{clocks}, or number the steps 0, 1, 2, … in column "
            f"{quoted(time_column)}"
        )
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))])
    return Panel(source, needed, ids, when, frame[time_column].dtype, values[order], starts, frequency, counters)


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


def _shown(time: Any) -> str:
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time).removesuffix(".000000").removesuffix(":00")
    return text.removesuffix("T00:00").replace("T", " ")


def _as_type(column: nw.Series, kind: Any) -> nw.Series:
    """Return times of the panel in the table's type; text comes back as timestamps."""
    if kind.is_integer() or kind == nw.Date:
        return column.cast(kind)
    if not isinstance(kind, nw.Datetime):
        return column
    if kind.time_zone:
        column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(kind.time_zone)
    return column.cast(kind)
