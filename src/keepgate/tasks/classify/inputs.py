"""What `SequenceClassifier` is given, as sequences without gaps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keepgate.data.arrays import as_sequences, of_channels
from keepgate.data.gaps import ended, fill_gaps
from keepgate.data.sequences import Sequences
from keepgate.data.tables.columns import ANY_TABLE
from keepgate.data.tables.long import long_table
from keepgate.data.text.labelled import LabelledTexts, has_texts, text_table
from keepgate.errors import InputError
from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.common.sequence_parameters import names_of_series

__all__ = ["channel_means", "is_table", "names_of_texts", "read", "sequences_of", "training_sequences"]


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


def training_sequences(X: Any) -> list[np.ndarray]:
    """Return sequences [T_i, C] to learn from, in which values may be missing.

    Warns:
        UserWarning: X is an array with more channels than steps, and so may be [N, C, T].

    Raises:
        InputError: as `as_sequences`, or a sequence has no value.
    """
    shape = getattr(X, "shape", ())
    if len(shape) == 3 and shape[2] > shape[1]:
        warnings.warn(
            f"X is taken as [N, T, C], {shape[0]} series of {shape[1]} steps and {shape[2]} channels; if it is "
            "[N, C, T], as aeon and sktime have it, give X.transpose(0, 2, 1)",
            stacklevel=3,
        )
    return ended(as_sequences(X, gaps=True))


def channel_means(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of each channel [C] over all steps that have a value.

    Raises:
        InputError: a channel has no value in any sequence.
    """
    frames = np.concatenate(values)
    empty = np.flatnonzero(np.isnan(frames).all(axis=0))
    if len(empty):
        raise InputError(f"channel {empty[0] + 1} of X has no value in any series: leave it out")
    return np.nanmean(frames, axis=0)


def sequences_of(X: Any, count: int, names: Sequence[str] | None, means: np.ndarray) -> list[np.ndarray]:
    """Return further sequences [T_i, C] for a model, their gaps filled.

    Args:
        X: see `keepgate.data.arrays.of_channels`.
        count: C.
        names: of the channels that the model was trained on, if they had names.
        means: of each channel, for sequences without a value of it.
    """
    return fill_gaps(ended(of_channels(X, count, names, gaps=True)), means)
