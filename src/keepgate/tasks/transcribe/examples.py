"""What a transcriber learns from: utterances, their texts as symbols, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.data.audio.files import as_samples
from keepgate.data.recordings.manifest import Utterances, as_strokes
from keepgate.errors import InputError, quoted, reason
from keepgate.tasks.common.front_ends import checked_rate
from keepgate.tasks.common.given import as_list, as_pair, of_kind
from keepgate.tasks.common.padded import pad_frames
from keepgate.training import Examples

HURRIED, STEPS_A_SYMBOL, MOST_FRAMES = 0.1, 2, 4  # so many utterances may have shorter symbols


class UtteranceExamples(Examples):
    """Utterances as batches of `(x [B, T, ...], lengths [B], symbols of all targets, their lengths [B])`.

    Args:
        values: frames, N arrays [T_i, ...].
        targets: the numbers of the symbols of each text, from 1; None: no texts.
    """

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[Sequence[int]] | None = None) -> None:
        self.values = values
        self.targets = [[]] * len(values) if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Return the number of frames of an utterance."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the utterances `indices`, padded to the longest."""
        targets = [self.targets[i] for i in indices]
        symbols = torch.tensor([symbol for target in targets for symbol in target], dtype=torch.int64)
        return *pad_frames([self.values[i] for i in indices]), symbols, torch.tensor(list(map(len, targets)))

    def weight(self, batch: Any, count: int) -> float:
        """Return the number of symbols, for the loss is their mean."""
        return float(batch[3].sum()) if count else 0.0


def split(text: str, symbols: str) -> list[str]:
    """Return the symbols of a text: its "characters", or its "words"."""
    return list(text) if symbols == "characters" else text.split()


def join(sequence: Sequence[str], symbols: str) -> str:
    """Return the text of a sequence of symbols, "characters" or "words"."""
    return separator(symbols).join(sequence)


def separator(symbols: str) -> str:
    """Return what stands between the symbols of a text, "characters" or "words"."""
    return "" if symbols == "characters" else " "


def utterances(X: Any, y: Any, rate: int | None) -> Utterances:
    """Return utterances that are passed in Python, checked.

    Args:
        X: utterances, or the `Utterances` of a file.
        y: their texts, or None.
        rate: of the samples in X, in Hz.

    Raises:
        InputError: it names the utterance that cannot be read.
    """
    if isinstance(X, Utterances):
        return X
    X, y = as_pair(X, y, "utterances", "texts")
    names = [f"X[{i}]" for i in range(len(X))]
    first = as_list("X[0]", X[0], "samples or strokes")[0]
    kind = "audio" if np.ndim(first) == 0 else "ink"
    if kind == "audio":
        rate = checked_rate(rate)
    take = as_samples if kind == "audio" else as_strokes
    contents = []
    for name, item in zip(names, X, strict=True):
        try:
            contents.append(take(item))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except Exception as error:  # an object of any library may be given
            raise InputError(f"{name} is no {kind}: {reason(error)}") from error
    return Utterances(kind, contents, rate if kind == "audio" else None, y, names)


def texts_of(data: Utterances) -> list[str]:
    """Return the texts; InputError that names an utterance without one."""
    texts = of_kind(data, Utterances).texts
    if texts is None:
        raise InputError("there are no texts: give y, a text for each utterance")
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{data.where(i)}: its text is empty, or none")
    return texts


def too_long(targets: Sequence[Sequence[str]], steps: Sequence[int]) -> dict[int, str]:
    """Return by index what is wrong with the utterances that have fewer steps than their symbols need.

    Connectionist temporal classification takes a step for each symbol and one between two that are equal.
    """
    needed = [len(target) + sum(a == b for a, b in pairwise(target)) for target in targets]
    return {
        i: f"its text takes {need} steps, but it has {count}; leave it out"
        for i, (need, count) in enumerate(zip(needed, steps, strict=True))
        if need > count
    }


def frames_a_step(targets: Sequence[Sequence[str]], frames: Sequence[np.ndarray]) -> int:
    """Return how many frames make a step, where nobody says it.

    A network of long steps is faster and learns sooner; but a symbol has to last for some of them.
    """
    room = [len(rows) / max(len(target), 1) for target, rows in zip(targets, frames, strict=True)]
    return int(min(max(np.quantile(room, HURRIED) // STEPS_A_SYMBOL, 1), MOST_FRAMES))


def unknown(targets: Sequence[Sequence[str]], known: Sequence[str]) -> dict[int, str]:
    """Return by index what is wrong with the utterances that have symbols not among those known."""
    seen = set(known)
    strange = {i: next((s for s in target if s not in seen), None) for i, target in enumerate(targets)}
    return {
        i: f"the symbol {quoted(symbol)} was never seen in the training data" for i, symbol in strange.items() if symbol
    }
