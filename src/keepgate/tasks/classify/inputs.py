"""Tables that `SequenceClassifier` is given, as sequences or texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keepgate.data.sequences import Sequences
from keepgate.data.tables.columns import ANY_TABLE
from keepgate.data.tables.long import long_table
from keepgate.data.text.labelled import LabelledTexts, has_texts, text_table
from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.common.sequence_parameters import names_of_series

__all__ = ["is_table", "names_of_texts", "read"]


def is_table(X: Any, columns: ClassifyColumns) -> bool:
    """Return whether X is a table with the column of ids, of labels or of texts.

    Other data frames are series of one channel, a row each.
    """
    names = getattr(X, "column_names", getattr(X, "columns", ()))  # columns of pyarrow are values
    told = (columns.id_column, columns.label_column)
    held = isinstance(X, Sequences | LabelledTexts)
    return not held and (any(name in told for name in names) or has_texts(X, columns.text_column))


def read(
    table: Any,
    columns: ClassifyColumns,
    *,
    labelled: bool,
    channels: Sequence[str] | None = None,
    source: str = ANY_TABLE,
) -> Sequences | LabelledTexts:
    """Return the texts of a table that has a column of them, else the sequences of a long or wide one, gaps and all.

    Args:
        table: pandas, polars or pyarrow.
        columns: how its columns are called.
        labelled: whether there has to be a column of labels.
        channels: those that a model was trained on; None: those of `columns`.
        source: how messages call the table.
    """
    if hasattr(table, "set_axis"):  # pandas numbers the columns of an array
        table = table.set_axis([*map(str, table.columns)], axis="columns")
    if channels is None and has_texts(table, columns.text_column):
        return text_table(table, **names_of_texts(columns), labelled=labelled, source=source)
    chosen = columns if channels is None else replace(columns, channel_columns=tuple(channels))
    return long_table(table, **names_of_series(chosen), labelled=labelled, gaps=True, source=source)


def names_of_texts(columns: ClassifyColumns) -> dict[str, Any]:
    """Return what `keepgate.data.text.labelled` is told of the columns."""
    return {name: getattr(columns, name) for name in ("text_column", "id_column", "label_column", "group_column")}
