"""Sequences of different lengths as one tensor, the standardising of their values, and what a layer leaves of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keepgate.nn import Recurrent


def pad_numbers(rows: Sequence[np.ndarray], value: int = 0) -> Tensor:
    """Rows of integers [T_i] as one tensor [N, longest], filled up with `value`."""
    padded = torch.full((len(rows), max(map(len, rows))), value, dtype=torch.int64)
    for to, row in zip(padded.numpy(), rows, strict=True):
        to[: len(row)] = row
    return padded


def pad_frames(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Rows [T_i, C] as one tensor [N, longest, C] float64, filled up with zeros, and their lengths [N]."""
    lengths = [len(row) for row in rows]
    padded = torch.zeros(len(rows), max(lengths), rows[0].shape[1], dtype=torch.float64)
    for to, row in zip(padded.numpy(), rows, strict=True):
        to[: len(row)] = row
    return padded, torch.tensor(lengths)


def dropped(x: Tensor, rate: float, training: bool, time: int) -> Tensor:
    """x, while training, under one mask for all its steps, which lie along axis `time` (Gal & Ghahramani 2016)."""
    if not (training and rate):
        return x
    shape = [1 if axis == time else size for axis, size in enumerate(x.shape)]
    return x * ((torch.rand(shape, device=x.device) >= rate) / (1 - rate))


def last_outputs(recurrent: Recurrent, state: Any) -> Tensor:
    """The final outputs of the last layer's directions side by side, [B, output_size], from the state it ended in."""
    h = state[0] if isinstance(state, tuple) else state
    return h[-recurrent.directions :].transpose(0, 1).flatten(1)


class Standardise(nn.Module):
    """x [..., C] in float32, by each channel's mean and deviation in the training data."""

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(channels, dtype=torch.float64))

    def fit(self, values: Sequence[np.ndarray]) -> None:
        """Take mean and deviation over all steps of `values`, arrays [T_i, C]; a constant channel keeps its scale."""
        steps = np.concatenate(values)
        varies = steps.max(axis=0) > steps.min(axis=0)
        self.mean.copy_(torch.from_numpy(steps.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(np.where(varies, steps.std(axis=0), 1.0)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised x."""
        return ((x - self.mean) / self.scale).float()
