"""What `MetaLearner` is trained on: functions of a family, drawn when they are asked for."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from keepgate.meta.families import Family
from keepgate.training import Examples
from keepgate.training.tree import digest


class FamilyExamples(Examples):
    """Functions of a family, in batches of inputs [B, T, I] float64 and outputs [B, T, O] float64, or classes [B, T].

    A batch is drawn from the seed and the numbers of its functions together. The batches of an epoch are shuffled
    anew, so each epoch has functions that none before had, and a training that resumes has those that it would have
    had.

    Args:
        family: to draw from.
        count: functions of an epoch.
        shown: T, examples of each function.
        seed: numbers that other data do not have.
    """

    def __init__(self, family: Family, count: int, shown: int, seed: tuple[int, ...]) -> None:
        self.family, self.count, self.shown, self.seed = family, count, shown, seed

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return functions as inputs and outputs."""
        random = np.random.default_rng([*self.seed, *map(int, indices)])
        x, y = self.family(self.shown, len(indices), random)
        return torch.from_numpy(x.swapaxes(0, 1).copy()), torch.from_numpy(y.swapaxes(0, 1).copy())

    def fingerprint(self) -> str:
        """Return digits by name, numbers, and the first functions."""
        sums = hashlib.sha256(f"{self.family.name} {self.count} {self.shown} {self.seed}".encode())
        digest(sums, self.batch(np.arange(min(self.count, 64))))
        return sums.hexdigest()
