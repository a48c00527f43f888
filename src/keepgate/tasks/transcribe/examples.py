"""What `Transcriber` takes: utterances given in Python, their texts as symbols, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.data.audio.files import as_samples
from keepgate.data.recordings.manifest import Utterances, as_strokes
from keepgate.errors import InputError, quoted, reason
from keepgate.tasks.common.front_ends import HIGHEST_RATE, LOWEST_RATE
from keepgate.tasks.common.given import as_list, of_kind

SYMBOLS = ("characters", "words")


def split(text: str, symbols: str) -> list[str]:
    """The symbols that a text is made of: characters, or words."""
    return list(text) if symbols == "characters" else text.split()


def join(found: Sequence[str], symbols: str) -> str:
    """The text that is made of these symbols."""
    return ("" if symbols == "characters" else " ").join(found)


def utterances(X: Any, y: Any, rate: int | None) -> Utterances:
    """Utterances given in Python, checked."""
    if isinstance(X, Utterances):
        return X
    X = as_list("X", X, "utterances")
    y = None if y is None else as_list("y", y, "texts")
    if y is not None and len(y) != len(X):
        raise InputError(f"inconsistent numbers of samples: {len(X)} utterances in X, {len(y)} texts in y")
    names = [f"X[{i}]" for i in range(len(X))]
    first = as_list("X[0]", X[0], "samples or strokes")[0]
    kind = "audio" if np.ndim(first) == 0 else "ink"
    if kind == "audio":
        if rate is None:
            raise InputError("X holds samples: give their rate in Hz")
        schema.whole(LOWEST_RATE, HIGHEST_RATE)("rate", rate)
    take = as_samples if kind == "audio" else as_strokes
    contents = []
    for name, item in zip(names, X, strict=True):
        try:
            contents.append(take(item))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except Exception as error:  # an object of any library may be given
            raise InputError(f"{name} is no {kind}: {reason(error)}") from error
    return Utterances(kind, contents, rate if kind == "audio" else None, None if y is None else list(y), names)


def texts_of(data: Utterances) -> list[str]:
    """The texts; InputError that names an utterance without one."""
    texts = of_kind(data, Utterances).texts
    if texts is None:
        raise InputError("there are no texts: give y, a text for each utterance")
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{data.where(i)}: its text is empty, or none")
    return texts


def too_long(targets: Sequence[Sequence[str]], steps: Sequence[int]) -> dict[int, str]:
    """What is wrong with the utterances whose symbols do not fit their steps, by index.

    Connectionist temporal classification takes a step for each symbol and one between two that are alike.
    """
    needed = [len(target) + sum(a == b for a, b in pairwise(target)) for target in targets]
    return {
        i: f"its text takes {need} steps, but it has {count}; leave it out"
        for i, (need, count) in enumerate(zip(needed, steps, strict=True))
        if need > count
    }


def unknown(targets: Sequence[Sequence[str]], known: Sequence[str]) -> dict[int, str]:
    """What is wrong with the utterances that have symbols not among those known, by index."""
    seen = set(known)
    strange = {i: next((s for s in target if s not in seen), None) for i, target in enumerate(targets)}
    return {
        i: f"the symbol {quoted(symbol)} was never seen in the training data" for i, symbol in strange.items() if symbol
    }
