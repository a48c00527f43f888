"""Sequences of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def pad_numbers(rows: Sequence[np.ndarray], value: int = 0) -> Tensor:
    """Return rows of integers [T_i] as one tensor [N, longest], filled up with `value`."""
    padded = torch.full((len(rows), max(map(len, rows))), value, dtype=torch.int64)
    for target, row in zip(padded.numpy(), rows, strict=True):
        target[: len(row)] = row
    return padded


def pad_frames(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Return rows [T_i, C] as one tensor [N, longest, C] of their type, filled up with zeros, and their lengths [N]."""
    lengths = [len(row) for row in rows]
    padded = torch.from_numpy(np.zeros((len(rows), max(lengths), rows[0].shape[1]), rows[0].dtype))
    for target, row in zip(padded.numpy(), rows, strict=True):
        target[: len(row)] = row
    return padded, torch.tensor(lengths)
