"""What a user can say of tasks on sequences of numbers: how the columns of their files are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, TypeVar

from keepgate.tasks.common.parameters import TABLES, Parameters, estimator, param

C = TypeVar("C", bound="SequenceColumns")


@dataclass(frozen=True, kw_only=True)
class SequenceColumns:
    """Names of the columns of a long table (CSV, Parquet, Arrow), which has a row for each step of each series."""

    id_column: str = param("unique_id", "tables: column that names the series")
    time_column: str = param("ds", "tables: column that orders a series; if the table has no ds, its rows are in order")
    label_column: str = param("label", "tables: column with the class of the series, the same in all its rows")
    channel_columns: tuple[str, ...] | None = param(None, "tables: columns of the channels; none stands for all others")


@dataclass(frozen=True, kw_only=True)
class GroupedColumns(SequenceColumns):
    """Names of the columns of a table whose series may belong to groups."""

    group_column: str | None = param(
        None,
        "tables: column with what a series is of, such as its patient; whole groups are held out (none: single ones)",
    )


def of_further(columns: C, channels: Sequence[str] | None) -> C:
    """Return the names of the columns of further files: by the channels of the training file, and without groups."""
    alike: dict[str, Any] = {"channel_columns": None if channels is None else tuple(channels)}
    return replace(columns, **alike, **({"group_column": None} if isinstance(columns, GroupedColumns) else {}))


def names_of_series(columns: SequenceColumns) -> dict[str, Any]:
    """Return what `keepgate.data.tables.long` is told of the columns."""
    return {name: value for name, value in asdict(columns).items() if name != "text_column"}


@estimator
class SequenceParameters(Parameters):
    """Parameters of tasks on sequences of numbers."""

    Columns: ClassVar[type] = SequenceColumns
    formats: ClassVar[tuple[str, ...]] = (*TABLES, ".ts")
