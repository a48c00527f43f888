"""Tables of series in other shapes than a long one, made long: without an id, wide, or with the times as the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import narwhals as nw

from keepgate.data.tables.columns import cells_of, to_frame
from keepgate.errors import InputError, listed, quoted

__all__ = ["as_long", "with_index"]


def as_long(
    table: Any,
    id_column: str,
    time_column: str,
    target_column: str,
    source: str,
    chosen: Collection[str] = (),
    name: str | None = None,
) -> Any:
    """Return a table with columns of id, time and target.

    - The index of a pandas frame or series is the time column, where there is none of this name and the index is of
      times, or the table nothing but values that are numbered. Levels of the index that are called as columns are
      these columns.
    - Without an id column the rows are one series, named as the target, if no time comes twice and no column is text,
      which may be that of the ids.
    - With neither id nor target every column but the time is a series (a wide table), if nothing else was chosen.

    What is none of these comes back as it is.

    Args:
        table: of any library.
        id_column: its name.
        time_column: its name.
        target_column: its name.
        source: how messages call the table.
        chosen: names of further columns that were chosen, which a wide table cannot have.
        name: of the one series; None: the target's.
    """
    table = with_index(table, time_column, target_column, id_column)
    frame = to_frame(table, (), source)
    names = list(frame.columns)
    if id_column in names or time_column not in names:
        return table
    others = [name for name in names if name != time_column]
    if target_column in names:
        return _one_series(frame, id_column, time_column, target_column, source, chosen, name or target_column)
    if chosen or not others or not all(frame[name].dtype.is_numeric() for name in others):
        return table
    return frame.unpivot(others, index=[time_column], variable_name=id_column, value_name=target_column).to_native()


def _one_series(
    frame: nw.DataFrame,
    id_column: str,
    time_column: str,
    target_column: str,
    source: str,
    chosen: Collection[str],
    name: str,
) -> Any:
    others = [name for name in frame.columns if name not in (time_column, target_column, *chosen)]
    if any(not (frame[other].dtype.is_numeric() or frame[other].dtype == nw.Boolean) for other in others):
        raise InputError(f"{source} has no column {quoted(id_column)} but {listed(frame.columns)}: rename or add it")
    where = f"{source}, column {quoted(time_column)}"
    if len(set(cells_of(frame[time_column], where))) < len(frame):
        raise InputError(
            f"{source} has no column {quoted(id_column)} but {listed(frame.columns)}, and times come twice: rename or "
            "add the column that names the series"
        )
    return frame.with_columns(nw.lit(name).alias(id_column)).to_native()


def with_index(table: Any, time_column: str, target_column: str, id_column: str | None = None) -> Any:
    """Return a pandas table with its index of times as a column, and levels that are called as columns."""
    if getattr(getattr(table, "index", None), "inferred_type", None) is None:  # no pandas
        return table
    if not hasattr(table, "columns"):
        table = table.to_frame(target_column)
    levels = [name for name in table.index.names if name in (id_column, time_column) and name not in table.columns]
    if levels and table.index.inferred_type != "period":
        table = table.reset_index(level=levels)
    index: Any = table.index
    numbered = index.inferred_type == "integer" and [*table.columns] == [target_column]
    if time_column in table.columns or not (numbered or index.inferred_type in ("datetime64", "date", "period")):
        return table
    if index.inferred_type == "period":
        index = index.to_timestamp()
    return table.set_axis(index.rename(time_column)).reset_index()
