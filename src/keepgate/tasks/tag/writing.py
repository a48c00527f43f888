"""Predicted tags as files: CoNLL columns, and JSON lines with the spans."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from keepgate.errors import InputError, quoted
from keepgate.tasks.tag.extraction import Extract, extracts, joined
from keepgate.tasks.tag.scores import marks_spans

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HAT", "TEXTS", "as_conll", "as_json_lines"]

HAT = "_hat"  # ends the names of columns of predicted tags
TEXTS = b"keepgate.texts"  # in the metadata of a table of running text: the texts, as JSON
UNWRITABLE = {*"\t\r\n"}  # in a CoNLL column

Rows = list[dict[str, Any]]  # of a table of predictions, one for each token


def as_conll(table: pa.Table) -> bytes:
    """Return predictions as CoNLL columns: token, tab and tag, and a blank line after each sentence.

    Where there are several columns of tags they follow each other, the first one's last: where it is looked for.

    Raises:
        InputError: a token has a tab or the end of a line.
    """
    first, *further = _predicted(table)
    names = ("token", *further, first)
    sentences = _grouped(table, "sentence")
    if odd := [row["token"] for rows in sentences for row in rows if UNWRITABLE & set(row["token"])]:
        raise InputError(f"the token {quoted(odd[0])} has a tab or the end of a line: write .jsonl")
    lines = ["".join("\t".join(row[name] for name in names) + "\n" for row in rows) for rows in sentences]
    return "".join(f"{sentence}\n" for sentence in lines).encode()


def as_json_lines(table: pa.Table) -> bytes:
    """Return predictions as JSON lines: tokens, tags, probabilities, and the spans where tags mark any.

    A line is a sentence; of running text it is a text, which is in the line too, with the tokens of all its sentences
    and where each of them begins and ends. A span has its `kind`, its tokens from `start` to `stop` (exclusive), and
    its `text`, with the characters from `begin` to `end` of the text, or of the sentence that is written with its
    tokens apart by single spaces. Its `score` is the least probability of its tags. Tags of further columns are under
    the column's name.
    """
    names = _predicted(table)
    marked = marks_spans([table[names[0]].to_pylist()])
    texts = json.loads((table.schema.metadata or {}).get(TEXTS, b"null"))
    if texts is None:
        lines = [_line(rows, names, marked) for rows in _grouped(table, "sentence")]
    else:
        of_text = {rows[0]["text"]: rows for rows in _grouped(table, "text")}
        lines = [_line(of_text.get(k, []), names, marked, text) for k, text in enumerate(texts, start=1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _line(rows: Rows, names: Sequence[str], marked: bool, text: str | None = None) -> dict[str, Any]:
    """Return what is written of a sentence, or of a text."""
    tokens, tags, chances = ([row[name] for row in rows] for name in ("token", names[0], "probability"))
    given = {} if text is None else {"text": text}
    line: dict[str, Any] = {**given, "tokens": tokens, "tags": tags, "probabilities": [round(p, 6) for p in chances]}
    line |= {name.removesuffix(HAT): [row[name] for row in rows] for name in names[1:]}
    if text is None:
        text, places = joined(tokens)
    else:
        line["places"] = places = [(row["begin"], row["end"]) for row in rows]
    if marked:
        line["spans"], first = [], 0
        for _, sentence in groupby(rows, lambda row: row["sentence"]):
            stop = first + len(list(sentence))
            of = slice(first, stop)
            line["spans"] += [_rounded(found) for found in extracts(text, places[of], tags[of], chances[of], first)]
            first = stop
    return line


def _rounded(found: Extract) -> dict[str, Any]:
    return {**found._asdict(), "score": round(found.score, 6)}


def _grouped(table: pa.Table, by: str) -> list[Rows]:
    """Return the rows of each sentence, or text, of a table of predictions.

    Raises:
        InputError: there are no tokens.
    """
    if "token" not in table.column_names:
        raise InputError("the sequences are frames, without tokens; write a table")
    return [list(rows) for _, rows in groupby(table.to_pylist(), lambda row: row[by])]


def _predicted(table: pa.Table) -> list[str]:
    """Return the names of the columns of predicted tags, the first one's first."""
    return [name for name in table.column_names if name.endswith(HAT)]
