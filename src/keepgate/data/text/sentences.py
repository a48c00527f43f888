"""Tagged sentences in files: CoNLL columns (two or more, CoNLL-U too) and JSON lines, plain or gzipped.

CoNLL: a line a token, columns apart by a tab (or, where there is none, by spaces), a blank line, `<s>` or `</s>`
between sentences, perhaps `-DOCSTART-` between documents; lines that start with `#` before a sentence are comments,
unless they are a word and its tag as other lines are, and CoNLL-U's ranges (`3-4`) and empty nodes (`5.1`) are passed
over. JSON lines: `{"tokens": [...], "tags": [...]}` a line. Where no tags are asked for, a file may also hold a
sentence in each line, its tokens apart by white space: one whose lines have different numbers of words, or that is a
line long. Sessions (a dialogue, a document) are named by a key of JSON lines or by a comment of CoNLL, such as
`# newdoc` or `# newdoc id = 7`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from keepgate.data.files import as_path
from keepgate.data.lines import json_objects, read_lines
from keepgate.errors import InputError, quoted

__all__ = ["Sentences", "read_sentences"]

MARKS = ("", "<s>", "</s>", "-DOCSTART-")
NOT_A_WORD = re.compile(r"\d+[-.]\d+")
CONLLU_COLUMNS = 10
Row = tuple[list[str], list[list[str]], tuple[str, ...]]  # tokens, tags by column, and session, document, or both

EXAMPLE = '{"tokens": [...], "tags": [...]}'


@dataclass(frozen=True)
class Sentences:
    """N sentences.

    Attributes:
        tokens: of each.
        tags: as many for each; None: they were not read.
        groups: the session of each; None: sessions were not read.
        sources: the document of each, or who wrote it; None: that was not read.
        further: tags of further columns by name; None: they were not read.
    """

    tokens: list[list[str]]
    tags: list[list[str]] | None
    groups: list[str] | None = None
    sources: list[str] | None = None
    further: dict[str, list[list[str]]] | None = None

    def __len__(self) -> int:
        return len(self.tokens)


def read_sentences(
    path: str | Path,
    token_column: int | None = None,
    tag_column: int | None = None,
    session_column: str | None = None,
    labelled: bool = True,
    group_column: str | None = None,
    further_columns: Sequence[str] = (),
) -> Sentences:
    """Read tagged sentences.

    Args:
        path: of the file.
        token_column: counted from 1; by default the first, in CoNLL-U (10 columns) the second.
        tag_column: counted from 1; by default the last, in CoNLL-U the fourth.
        session_column: key of JSON lines, or comment of CoNLL, that names the session; by default there are none.
        labelled: whether tags must be there; without, they are not read.
        group_column: key of JSON lines, or comment of CoNLL, that names the document; by default there are none.
        further_columns: of further tags: of CoNLL, counted from 1; of JSON lines, keys.

    Raises:
        InputError: a column is missing, there are unequal numbers of tokens and tags, a sentence has no session, or
            there is no sentence; the message names file and line.
    """
    path = as_path(path)
    names = tuple(name for name in (session_column, group_column) if name)
    further = tuple(dict.fromkeys(further_columns)) if labelled else ()
    if path.name.lower().removesuffix(".gz").endswith((".jsonl", ".json")):
        sentences = _json(path, names, ("tags", *further) if labelled else ())
    else:
        columns = _Columns.of(token_column, tag_column, further, labelled=labelled)
        lines = list(read_lines(path))
        raw = not labelled and token_column is None and not names and _are_sentences(path, lines)
        sentences = (
            [(line.split(), [], ()) for line in lines if not _is_mark(line)]
            if raw
            else _conll(path, lines, columns, names)
        )
    if not sentences:
        raise InputError(f"{path} has no sentence")
    tokens, tags, named = map(list, zip(*sentences, strict=True))
    groups = [of[0] for of in named] if session_column else None
    return Sentences(
        tokens,
        [row[0] for row in tags] if labelled else None,
        groups,
        [of[-1] for of in named] if group_column else None,
        {name: [row[k] for row in tags] for k, name in enumerate(further, start=1)} if further else None,
    )


@dataclass(frozen=True)
class _Columns:
    """Which columns are read, counted from 1; None: the usual one."""

    token: int | None
    tags: tuple[int | None, ...]

    @classmethod
    def of(cls, token: int | None, tag: int | None, further: Sequence[str], *, labelled: bool) -> _Columns:
        """Return the columns that are asked for; InputError for what is none."""
        numbers = [int(column) if column.isdecimal() and column.isascii() else column for column in further]
        asked = [("token_column", token), ("tag_column", tag), *(("further_columns", column) for column in numbers)]
        for name, column in asked:
            if column is not None and not (isinstance(column, int) and column >= 1):
                raise InputError(f"{name}={quoted(column)} is no column: they are counted from 1")
        return cls(token, (tag, *numbers) if labelled else ())  # type: ignore[arg-type]

    def read(self, path: Path, number: int, columns: list[str]) -> tuple[str, list[str]]:
        """Return the token and the tags of a line; InputError where one is missing."""
        conllu = len(columns) == CONLLU_COLUMNS
        last = 4 if conllu else max(len(columns), 2)
        token = _column(path, number, columns, self.token or (2 if conllu else 1), "token")
        return token, [_column(path, number, columns, column or last, "tag") for column in self.tags]


def _are_sentences(path: Path, lines: Sequence[str]) -> bool:
    """Return whether each line is a sentence, and not a token with further columns.

    Raises:
        InputError: it may as well be either.
    """
    plain = [line for line in lines if not _is_mark(line) and ("\t" in line or not line.startswith("#"))]
    counts = [len(_columns(line)) for line in plain if "\t" not in line]
    if 1 < len(counts) == len(plain) and 1 < min(counts) == max(counts):
        runs = [len(list(run)) for mark, run in groupby(lines, _is_mark) if not mark]
        if len(runs) == 1:
            raise InputError(
                f"{path} may hold sentences or columns, for all its lines have {counts[0]} words: put tabs between "
                "columns, or empty lines between sentences"
            )
        return max(runs) == 1
    return not plain or max(counts, default=1) > 1


def _is_mark(line: str) -> bool:
    """Return whether a line stands between sentences."""
    return line.strip() in MARKS or line.startswith("-DOCSTART- ")


def _columns(line: str) -> list[str]:
    """Return the columns of a line: apart by tabs or, where there is none, by spaces."""
    return line.split("\t") if "\t" in line else [part for part in line.split(" ") if part]


class _Comments:
    """Which lines that start with `#` are comments, in a file whose other lines show how words and tags look."""

    def __init__(self, lines: Sequence[str]) -> None:
        rows = [_columns(line) for line in lines if not _is_mark(line) and not line.startswith("#")]
        self.counts, self.tags = {len(row) for row in rows}, {row[-1] for row in rows if len(row) > 1}

    def has(self, path: Path, number: int, line: str, labelled: bool) -> bool:
        """Return whether a line with `#` in front is a comment.

        Raises:
            InputError: it may as well be a word.
        """
        columns = _columns(line)
        if "\t" in line or (len(columns) in self.counts and columns[-1] in self.tags):
            return False
        if not labelled and columns == ["#"] and self.counts == {1}:
            return False
        stuck = len(columns[0]) > 1  # a comment has a space behind its mark
        if stuck and len(columns) in self.counts:
            raise InputError(
                f"{path}, line {number}: {quoted(line.strip())} may be a comment or a word; put a space after the # of "
                "a comment, and a tab between a word and its tag"
            )
        return True


def _conll(
    path: Path,
    lines: Sequence[str],
    wanted: _Columns,
    names: Sequence[str],
) -> list[Row]:
    begins = [re.compile(rf"#\s*{re.escape(name)}(\s+id)?\s*(=\s*(?P<name>.*))?") for name in names]
    named = ("",) * len(names)
    sentences: list[Row] = [([], [[] for _ in wanted.tags], named)]
    comments = _Comments(lines)
    for number, line in enumerate(lines, start=1):
        tokens, tags, _ = sentences[-1]
        if _is_mark(line):
            if tokens:
                sentences.append(([], [[] for _ in wanted.tags], named))
            continue
        if line.startswith("#") and not tokens and comments.has(path, number, line, bool(wanted.tags)):
            said = [pattern.fullmatch(line.strip()) for pattern in begins]
            now = [(one["name"] or f"line {number}") if one else old for one, old in zip(said, named, strict=True)]
            named = tuple(now)
            sentences[-1] = (tokens, tags, named)
            continue
        if "" in named:
            comment = quoted(f"# {names[named.index('')]}")
            raise InputError(f"{path}, line {number}: no comment {comment} names the session of this sentence")
        columns = _columns(line)
        if len(columns) == CONLLU_COLUMNS and NOT_A_WORD.fullmatch(columns[0]):
            continue
        token, found = wanted.read(path, number, columns)
        tokens.append(token)
        for row, tag in zip(tags, found, strict=True):
            row.append(tag)
    return sentences if sentences[-1][0] else sentences[:-1]


def _column(path: Path, number: int, columns: list[str], column: int, what: str) -> str:
    if len(columns) < column or not columns[column - 1].strip():
        raise InputError(
            f"{path}, line {number}: no {what} in column {column} of {len(columns)}; a line is a token, a tab and a tag"
        )
    return columns[column - 1]


def _json(path: Path, names: Sequence[str], columns: Sequence[str]) -> list[Row]:
    sentences = []
    for number, row in json_objects(path, EXAMPLE):
        values: list[Any] = [row.get(name) for name in ("tokens", *columns)]
        for name, value in zip(("tokens", *columns), values, strict=True):
            if not (isinstance(value, list) and all(isinstance(item, str) and item for item in value)):
                raise InputError(f"{path}, line {number}: no list of texts under {quoted(name)}")
        tokens, *tags = values
        for name, found in zip(columns, tags, strict=True):
            if len(tokens) != len(found):
                of = "tags" if name == "tags" else f"of {quoted(name)}"
                raise InputError(f"{path}, line {number}: {len(tokens)} tokens but {len(found)} {of}")
        for name in names:
            if not isinstance(row.get(name), str | int):
                raise InputError(f"{path}, line {number}: no session under {quoted(name)}")
        if tokens:
            sentences.append((tokens, tags, tuple(str(row[name]) for name in names)))
    return sentences
