"""Vectors of words that were learned elsewhere: files are read row by row, and only what is asked for is kept.

Text (GloVe, fastText's .vec, word2vec's; plain or gzipped) has a word and its numbers on each line, apart by spaces,
perhaps after a line with the number of words and that of values. Binary word2vec (.bin, .bin.gz) has that line, then of
each word its name, a space and float32 numbers. A safetensors file has one matrix, and beside it a text file of the
same name (`words.safetensors`, `words.txt`) with the word of each row on a line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import limits
from keepgate.data.files import as_path, blocks
from keepgate.data.lines import read_lines
from keepgate.errors import InputError, quoted, reason

__all__ = ["Vectors", "read_vectors"]

WIDEST = 65_536  # values of a vector
LONGEST = 4_096  # bytes of a word
FASTTEXT = (793_712_314).to_bytes(4, "little")  # begins fastText's own binary files
Row = tuple[str, Any]  # a word, and its numbers as they are in the file


@dataclass(frozen=True)
class Vectors:
    """Words and their vectors.

    Attributes:
        words: V different ones.
        values: of each, [V, D] float32, finite.
    """

    words: list[str]
    values: np.ndarray


def read_vectors(path: str | Path, wanted: Collection[str], others: int = 0) -> Vectors:
    """Read the vectors of some words.

    Args:
        path: of the file.
        wanted: the words; those that the file lacks are left out.
        others: so many further words, the first of the file, are read too: they usually are its most frequent ones.

    Raises:
        InputError: the file is damaged or in another format, has none of the words, or those asked for take more than
            `cells`; the message names file and row.
    """
    path = as_path(path)
    kept: dict[str, np.ndarray] = {}
    found, wanted = 0, frozenset(wanted)
    for number, (word, numbers) in enumerate(_rows(path), start=1):
        asked = word in wanted
        if word in kept or not (asked or others > 0):
            continue
        found, others = found + asked, others - (not asked)
        kept[word] = vector = _vector(path, number, word, numbers)
        limits.check("cells", len(kept) * len(vector), f"what is read of {path}")
    if not found:
        raise InputError(
            f"{path} has a vector of none of the {len(wanted):,} words of the data: is it of this language?"
        )
    return Vectors(list(kept), np.stack(list(kept.values())))


def _vector(path: Path, number: int, word: str, numbers: Any) -> np.ndarray:
    try:
        vector = np.array(numbers, dtype=np.float32)
    except ValueError:
        vector = np.array(np.nan)
    if not np.isfinite(vector).all():
        raise InputError(f"{path}, word {number:,} ({quoted(word)}): its vector has what is no finite number")
    return vector


def _rows(path: Path) -> Iterator[Row]:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".safetensors"):
        return _safetensors(path)
    return _binary(path) if name.endswith(".bin") else _text(path)


def _width(path: Path, width: int) -> int:
    if not 1 <= width <= WIDEST:
        raise InputError(f"{path} is no file of vectors: a word has {width:,} numbers, not 1 to {WIDEST:,}")
    return width


def _text(path: Path) -> Iterator[Row]:
    count, width, number = None, None, 0
    for line in read_lines(path):
        columns = line.replace("\t", " ").strip(" ").split(" ")
        if width is None and count is None and len(columns) == 2 and all(c.isdecimal() for c in columns):
            count, width = int(columns[0]), _width(path, int(columns[1]))
            continue
        number += 1
        if width is None:
            width = _width(path, len(columns) - 1)
        if len(columns) <= width:
            if not line.strip():
                continue
            raise InputError(
                f"{path}, word {number:,}: {len(columns) - 1} numbers where others have {width}; a line is a word and "
                "its numbers, apart by spaces"
            )
        yield " ".join(columns[:-width]), columns[-width:]  # a word of GloVe may have spaces
    _check_count(path, number, count)


def _check_count(path: Path, number: int, count: int | None) -> None:
    if count is not None and number < count:
        raise InputError(f"{path} is cut short: it has {number:,} words of {count:,}")


def _binary(path: Path) -> Iterator[Row]:
    stream = _Stream(blocks(path))
    header = stream.until(b"\n", 64)
    if header is None or header[:4] == FASTTEXT or not _are_sizes(header):
        raise InputError(
            f"{path} is no binary file of word2vec, which begins with the numbers of words and values; of fastText "
            "take the .vec file"
        )
    count, width = map(int, header.split())
    size = 4 * _width(path, width)
    for number in range(count):
        word, numbers = stream.until(b" ", LONGEST), stream.take(size)
        if word is None or numbers is None:
            raise InputError(f"{path} is damaged or cut short at word {number + 1:,} of {count:,}")
        yield word.lstrip(b"\n").decode("utf-8", "replace"), np.frombuffer(numbers, "<f4")


def _are_sizes(header: bytes) -> bool:
    return len(header.split()) == 2 and all(part.isdigit() for part in header.split())


class _Stream:
    """Bytes in blocks, taken piece by piece; None where they end before."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.data, self.at = blocks, b"", 0

    def until(self, mark: bytes, most: int) -> bytes | None:
        """Return what comes before a mark, which is passed over, if that is within so many bytes."""
        while (end := self.data.find(mark, self.at, self.at + most)) < 0:
            if len(self.data) - self.at >= most or not self._more():
                return None
        piece, self.at = self.data[self.at : end], end + len(mark)
        return piece

    def take(self, size: int) -> bytes | None:
        """Return so many bytes."""
        while len(self.data) - self.at < size:
            if not self._more():
                return None
        piece, self.at = self.data[self.at : self.at + size], self.at + size
        return piece

    def _more(self) -> bool:
        block = next(self.blocks, b"")
        self.data, self.at = self.data[self.at :] + block, 0
        return bool(block)


def _safetensors(path: Path) -> Iterator[Row]:
    from safetensors import SafetensorError, safe_open

    names = path.with_suffix(".txt")
    if not names.is_file():
        raise InputError(f"{path} needs the words of its rows, one a line, in {names.name} beside it")
    try:
        with safe_open(path, "numpy") as file:
            matrices = [key for key in file.keys() if len(file.get_slice(key).get_shape()) == 2]  # noqa: SIM118
            if len(matrices) != 1:
                raise InputError(f"{path} has {len(matrices)} matrices; a file of vectors has one")
            rows = file.get_slice(matrices[0])
            count, width = rows.get_shape()
            _width(path, width)
            number = 0
            for number, word in enumerate(read_lines(names), start=1):
                if number > count:
                    break
                yield word, _Later(rows, number - 1)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no safetensors file, or is damaged: {reason(error)}") from error
    if number != count:
        raise InputError(
            f"{names} has {'more' if number > count else number} words, and {path} {count:,} rows: one each"
        )


@dataclass(frozen=True)
class _Later:
    """A row of a safetensors file that is read when NumPy asks for it."""

    rows: Any
    number: int

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.rows[self.number : self.number + 1][0].astype(dtype)
