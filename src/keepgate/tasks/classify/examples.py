"""What `SequenceClassifier` learns from: sequences, their classes, and what each counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from keepgate.tasks.common.sequences import SequenceExamples

__all__ = ["ClassifiedExamples"]


class ClassifiedExamples(SequenceExamples):
    """`SequenceExamples` with a weight for each; batches have them, [B] float32, unless all weigh 1.

    Args:
        values: the sequences.
        targets: of each one the number of its class, [N].
        weights: what it counts, [N].
    """

    def __init__(self, values: Sequence[np.ndarray], targets: np.ndarray, weights: np.ndarray):
        super().__init__(values, targets)
        self.weights = None if (weights == 1).all() else weights.astype(np.float32)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        """Return the sequences `indices`, padded with zeros to the longest, their classes and weights."""
        batch = super().batch(indices)
        return batch if self.weights is None else (*batch, torch.from_numpy(self.weights[indices]))
