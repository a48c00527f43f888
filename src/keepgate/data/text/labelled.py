"""Texts with a label each: tables with a column of texts, JSON lines, and files with a text on each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np

from keepgate import limits
from keepgate.data.files import as_path
from keepgate.data.lines import json_objects, read_lines
from keepgate.data.tables.columns import ANY_TABLE, present, to_frame
from keepgate.data.tables.table import read_table
from keepgate.errors import InputError, listed, quoted
from keepgate.store import STANDARD_STREAM

EXAMPLE = '{"text": "...", "label": "..."}'

__all__ = ["LabelledTexts", "has_texts", "read_texts", "text_table"]


@dataclass(frozen=True)
class LabelledTexts:
    """N texts.

    Attributes:
        ids: N names, unique.
        texts: of each.
        labels: [N], or None.
        groups: what each belongs to, such as its author, [N]; None: that was not read.
    """

    ids: Sequence[Any]
    texts: list[str]
    labels: np.ndarray | None = None
    groups: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.texts)


def has_texts(table: Any, text_column: str) -> bool:
    """Return whether a table, of any kind, has a column of texts with this name."""
    try:
        column = nw.from_native(table, eager_only=True)[text_column]
    except Exception:  # no table, or none with this column
        return False
    return column.dtype in (nw.String, nw.Object, nw.Categorical)


def text_table(
    table: Any,
    *,
    text_column: str,
    id_column: str = "unique_id",
    label_column: str = "label",
    group_column: str | None = None,
    labelled: bool = True,
    source: str = ANY_TABLE,
) -> LabelledTexts:
    """Return the texts of a table, one in each row.

    Args:
        table: pandas, polars or pyarrow.
        text_column: its texts.
        id_column: names them; if the table has no such column, they are counted from 1.
        label_column: their labels.
        group_column: what they belong to; by default nothing.
        labelled: whether the labels, and the groups if they are named, must be there.
        source: how messages call the table.

    Raises:
        InputError: a column is missing, or a cell of text or label is empty; the message names row and column.
    """
    needed = [label_column, *([group_column] if group_column else [])] if labelled else []
    frame = to_frame(table, [text_column, *needed], source)
    texts = present(frame[text_column], source)
    wrong = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(f"{source}, column {quoted(text_column)}, row {wrong + 1}: {quoted(texts[wrong])} is no text")
    ids = present(frame[id_column], source) if id_column in frame.columns else list(range(1, len(texts) + 1))
    if len(set(ids)) < len(ids):
        raise InputError(f"{source}, column {quoted(id_column)}: a name comes twice; each row is a text of its own")
    labels = present(frame[label_column], source) if label_column in frame.columns else None
    for label in labels or ():
        if isinstance(label, str):
            limits.check("label_characters", len(label), f"the label {quoted(label)} of {source}")
    groups = present(frame[group_column], source) if group_column and group_column in frame.columns else None
    return LabelledTexts(ids, texts, None if labels is None else np.array(labels), groups)


def read_texts(
    path: str | Path, *, text_column: str, id_column: str, label_column: str, labelled: bool = True, **options: Any
) -> LabelledTexts:
    """Read texts from a table, from JSON lines with the same names for keys, or from the lines of another file.

    Args:
        path: of the file; "-" is standard input, where labels are not asked for a text on each line.
        text_column: see `text_table`.
        id_column: see `text_table`.
        label_column: see `text_table`.
        labelled: see `text_table`.
        options: further ones of `text_table`.

    Raises:
        InputError: as `text_table`, or there is no text; the message names the file.
    """
    path = as_path(path)
    name = path.name.lower().removesuffix(".gz")
    columns = {"text_column": text_column, "id_column": id_column, "label_column": label_column}
    if name.endswith(".txt") or (str(path) == STANDARD_STREAM and not labelled):
        if labelled:
            names = listed((text_column, label_column))
            raise InputError(f"{path} has no labels: give a table, or JSON lines, with {names}")
        lines = [line for line in read_lines(path) if line.strip()]
        found = LabelledTexts(list(range(1, len(lines) + 1)), lines)
    elif name.endswith((".jsonl", ".json")):
        table = _json_table(path, (*columns.values(), options.get("group_column")))
        found = text_table(table, **columns, labelled=labelled, source=str(path), **options)
    else:
        table = read_table(path, text=(id_column, label_column, text_column))
        found = text_table(table, **columns, labelled=labelled, source=str(path), **options)
    if not found.texts:
        raise InputError(f"{path} has no text: give at least one")
    return found


def _json_table(path: Path, names: Sequence[str | None]) -> Any:
    """Return the table of the values that JSON lines have under some names, as texts."""
    import pyarrow as pa

    rows = [row for _, row in json_objects(path, EXAMPLE)]
    known = [name for name in dict.fromkeys(names) if name and any(name in row for row in rows)]
    cells = {name: [row.get(name) for row in rows] for name in known}
    return pa.table({name: [None if cell is None else str(cell) for cell in column] for name, column in cells.items()})
