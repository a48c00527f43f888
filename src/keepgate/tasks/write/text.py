"""Texts as they come, their held-out part, and the probabilities that counting gives their units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from keepgate.data.files import as_path, read_bytes
from keepgate.errors import InputError
from keepgate.objectives import NGram


@dataclass(frozen=True)
class TextFile:
    """The bytes of a file, and its name for messages."""

    data: bytes
    name: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file, unzipped if its name ends in .gz; InputError if it cannot be read or is empty."""
        path = as_path(path)
        data = read_bytes(path)
        if not data:
            raise InputError(f"{path} is empty: give a text with at least one character")
        return cls(data, str(path))


def as_text(given: Any, units: str) -> Any:
    """A text as bytes where the units are bytes, else as a str; InputError for what is none or is not UTF-8."""
    name, data = (given.name, given.data) if isinstance(given, TextFile) else ("the text", given)
    if not isinstance(data, (str, bytes)):
        raise InputError(f"a text is a str or bytes, got {type(data).__name__}")
    if not data:
        raise InputError(f"{name} is empty: give a text with at least one character")
    if units == "bytes" or isinstance(data, str):
        return data.encode() if isinstance(data, str) and units == "bytes" else data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 at byte {error.start}: convert it, or read it by units bytes") from error


def split(text: Any, valid: Any, units: str) -> tuple[Any, Any]:
    """The training and the held-out text; where none is given the last tenth is held out."""
    whole = as_text(text, units)
    if valid is not None:
        return whole, as_text(valid, units)
    cut = int(0.9 * len(whole))
    if not cut:
        raise InputError("the text has one character: give more, of which the last tenth is held out")
    return whole[:cut], whole[cut:]


def unigram_log_probs(counts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Of each unit: its share of the training text, each unit counted once more than it was seen."""
    return np.log((counts + 1) / (counts.sum() + len(counts)))[numbers]


def ngram_log_probs(model: NGram, numbers: np.ndarray) -> np.ndarray:
    """Of each unit of a text after those before it."""
    places = {token: number for number, token in enumerate(model.vocabulary, 2)}
    state, found = model.automaton.start, np.empty(len(numbers))
    for i, number in enumerate(numbers):
        found[i], state = model.automaton.follow(state, places.get(str(number), -1))
    return found


def bits_row(model: str, log_probs: np.ndarray, text: str | bytes) -> dict[str, Any]:
    """A row of scores: perplexity per unit, and bits and nats per character of the text (per byte of one that is none).

    So models of different units compare by their bits per character.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    nats = -float(log_probs.sum())
    try:
        perplexity = math.exp(nats / len(log_probs))
    except OverflowError:  # a unit that cannot be
        perplexity = math.inf
    return {
        "model": model,
        "perplexity": perplexity,
        "bits per character": nats / math.log(2) / len(text),
        "nats per character": nats / len(text),
    }


def _decoded(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
