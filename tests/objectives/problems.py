"""Random problems, and their answers by enumeration of every path."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["BACKENDS", "TOLERANCE", "Ctc", "alignments", "collapse", "random_ctc", "random_lengths"]

BACKENDS = ("native", "reference")
TOLERANCE = {torch.float64: 1e-11, torch.float32: 2e-5}


class Ctc(NamedTuple):
    logits: Tensor
    targets: Tensor
    input_lengths: Tensor
    target_lengths: Tensor

    @property
    def given(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.targets, self.input_lengths, self.target_lengths


def random_lengths(rows: int, most: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, most + 1, (rows,), generator=generator)


def random_ctc(
    seed: int, steps: int, rows: int, symbols: int, longest: int, dtype: torch.dtype = torch.float64, blank: int = 0
) -> Ctc:
    """Logits, and targets of all lengths, some too long, with many repeats where symbols are few."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(steps, rows, symbols, dtype=dtype, generator=generator)
    targets = torch.randint(0, symbols - 1, (rows, longest), generator=generator)
    targets += targets >= blank
    return Ctc(
        logits.requires_grad_(), targets, random_lengths(rows, steps, seed + 1), random_lengths(rows, longest, seed + 2)
    )


def collapse(path: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    """Return what an alignment spells: without repeats, then without blanks (Graves et al. 2006, section 3.1)."""
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def alignments(steps: int, symbols: int, target: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every path of symbols that spells a target."""
    return (path for path in itertools.product(range(symbols), repeat=steps) if collapse(path) == target)
