"""What a translator learns from: pairs of texts, and as numbers in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.data.text.pairs import Pairs
from keepgate.errors import InputError
from keepgate.tasks.common.given import as_pair
from keepgate.tasks.common.padded import pad_numbers
from keepgate.training import Examples

Pair = tuple[np.ndarray, np.ndarray]  # symbols of the source and of the target, each [N] int64, without end


class PairExamples(Examples):
    """Pairs as batches `(source [B, S], its lengths [B], target [B, T], its lengths [B])`.

    Args:
        pairs: of source and target.
        ends: the symbols that close every source and every target; the latter also begins what the decoder reads.
    """

    def __init__(self, pairs: Sequence[Pair], ends: tuple[int, int]) -> None:
        self.pairs, self.ends = pairs, ends

    def __len__(self) -> int:
        return len(self.pairs)

    def length(self, index: int) -> int:
        """Return the number of symbols of source and target together."""
        return sum(map(len, self.pairs[index]))

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the pairs `indices`, padded to the longest."""
        source, target = ([np.append(self.pairs[i][side], self.ends[side]) for i in indices] for side in (0, 1))
        return pad_numbers(source), _lengths(source), pad_numbers(target), _lengths(target)

    def weight(self, batch: Any, count: int) -> float:
        """Return the number of symbols of the targets, for the loss is their mean."""
        return float(batch[3].sum()) if count else 0.0


def _lengths(rows: Sequence[np.ndarray]) -> Tensor:
    return torch.tensor([len(row) for row in rows])


def as_pairs(X: Any, y: Any = None) -> Pairs:
    """Return texts that are passed in Python as pairs, checked.

    Args:
        X: sources, or the `Pairs` of a file.
        y: their targets, or None.

    Raises:
        InputError: numbers differ, or one is no text or empty.
    """
    if isinstance(X, Pairs):
        X, y = X.sources, X.targets
    X, y = as_pair(X, y, "texts", "texts")
    for name, texts in (("X", X), ("y", y or [])):
        for i, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise InputError(f"{name}[{i}] is no text, or an empty one")
    return Pairs(X, y)


def targets_of(data: Pairs) -> list[str]:
    """Return the targets.

    Raises:
        InputError: there are none.
    """
    if data.targets is None:
        raise InputError("there are no targets: give y, a text for each source")
    return data.targets
