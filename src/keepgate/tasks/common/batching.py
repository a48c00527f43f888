"""Inference in batches: examples of like lengths together, and the results in the order of the examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate.training import Examples
from keepgate.training.tree import to_device

__all__ = ["each_example"]


def each_example(
    network: nn.Module, data: Examples, batch_size: int, compute: Callable[[Any], Sequence[Any]]
) -> list[Any]:
    """Return what `compute` gives for each example.

    Batches hold examples of like lengths, so that there is little padding. There are no gradients.

    Args:
        network: whose device the batches are put on.
        data: the examples.
        batch_size: examples in a batch.
        compute: takes a batch and returns one result for each of its examples.
    """
    results: list[Any] = [None] * len(data)
    device = next(network.parameters()).device
    by_length = np.argsort([data.length(i) for i in range(len(data))], kind="stable")
    with torch.inference_mode():
        for rows in np.split(by_length, range(batch_size, len(data), batch_size)):
            batch = to_device(data.batch(rows), device)
            for row, value in zip(rows, compute(batch), strict=True):
                results[row] = value
    return results
