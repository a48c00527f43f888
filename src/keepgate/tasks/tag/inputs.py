"""Sentences or frames, and their tags, as they are passed in Python: checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keepgate.data.arrays import as_sequences
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError, listed, quoted
from keepgate.tasks.common.given import as_list

__all__ = ["MAIN", "are_sentences", "as_columns", "as_tagged", "as_untagged", "sessions_of"]

MAIN = "tag"  # the name of a column that has none


def are_sentences(values: Sequence[Any]) -> bool:
    """Return whether checked sequences are sentences, and not frames."""
    return all(isinstance(item, str) for item in values[0])


def sessions_of(X: Any) -> list[str] | None:
    """Return the session of each sentence, where X has sessions."""
    return X.groups if isinstance(X, Sentences) else None


def as_untagged(X: Any) -> Any:
    """Return sentences as lists of tokens, anything else as arrays of frames; InputError for what is neither."""
    values = X.tokens if isinstance(X, Sentences) else X
    if isinstance(values, np.ndarray) and (values.dtype != object or values.ndim != 1):
        return as_sequences(values)
    values = as_list("X", values, "sentences, each a list of tokens, or of arrays of frames")
    if not isinstance(values[0], (list, tuple)) or not all(isinstance(item, str) for item in values[0]):
        return as_sequences(values)
    for i, sentence in enumerate(values):
        is_list = isinstance(sentence, (list, tuple)) and len(sentence)
        if not is_list or not all(isinstance(token, str) and token for token in sentence):
            raise InputError(f"X[{i}] is no list of tokens, each a text that is not empty")
    return values


def as_tagged(X: Any, y: Any) -> tuple[Any, list[list[str]]]:
    """Return checked sequences, and the tags of each; of several columns those of the first; see `as_columns`."""
    values, columns = as_columns(X, y)
    return values, next(iter(columns.values()))


def as_columns(X: Any, y: Any, names: Sequence[str] | None = None) -> tuple[Any, dict[str, list[list[str]]]]:
    """Return checked sequences, and the tags of each by column.

    Args:
        X: the sequences.
        y: a list of tags for each, or a mapping of columns to such lists; None: those that X carries.
        names: of the columns that are wanted; None: all.

    Raises:
        InputError: there are no tags, or not one for each token or frame, or a column is missing.
    """
    values = as_untagged(X)
    if y is None and isinstance(X, Sentences) and X.tags is not None:
        y = {MAIN: X.tags, **(X.further or {})}
    columns = y if isinstance(y, Mapping) else {MAIN: y}
    if names is not None and len(names) == len(columns) == 1:
        return values, {names[0]: _checked(values, *columns.values())}
    if missing := [name for name in names or () if name not in columns]:
        raise InputError(f"there is no column {quoted(missing[0])} of tags; there are {listed(map(str, columns))}")
    if not columns:
        raise InputError("y names no column of tags")
    return values, {name: _checked(values, columns[name]) for name in names or columns}


def _checked(values: Any, tags: Any) -> list[list[str]]:
    if tags is None:
        raise InputError("there are no tags: give y, a list of tags for each sequence")
    tags = [as_list(f"y[{i}]", row, "tags") for i, row in enumerate(as_list("y", tags, "lists of tags"))]
    if len(values) != len(tags):
        raise InputError(f"inconsistent numbers of samples: {len(values)} sequences in X, {len(tags)} in y")
    for i, (value, row) in enumerate(zip(values, tags, strict=True)):
        if len(value) != len(row):
            raise InputError(f"X[{i}] has {len(value)} tokens or frames, y[{i}] {len(row)} tags")
    return [[str(tag) for tag in row] for row in tags]
