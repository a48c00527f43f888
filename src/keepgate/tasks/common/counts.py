"""Held-out scores from counts of what is right, wanted and given, which add up over batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

__all__ = ["SCORES", "accuracy", "class_counts", "f1", "macro_f1"]


def class_counts(truth: Tensor, guess: Tensor, classes: int) -> Tensor:
    """Return how often each class is guessed rightly, is true, and is guessed, [3, K + 1].

    Args:
        truth: [N]; -1, an unknown class, counts under K.
        guess: [N].
        classes: K.
    """
    truth = torch.where(truth < 0, classes, truth)
    parts = (truth[truth == guess], truth, guess)
    return torch.stack([torch.bincount(part, minlength=classes + 1) for part in parts]).cpu()


def accuracy(counts: np.ndarray) -> float:
    """Return the share of rightly guessed among all, from the sums [3, K] of `class_counts`."""
    right, wanted, _ = counts.sum(axis=1)
    return float(right / wanted)


def f1(counts: np.ndarray) -> float:
    """Return F1 over all classes together (micro average); 0 where there is nothing to find, and nothing found."""
    right, wanted, given = counts.sum(axis=1)
    return float(2 * right / (wanted + given)) if wanted + given else 0.0


def macro_f1(counts: np.ndarray) -> float:
    """Return the mean F1 of the classes that are true or guessed somewhere."""
    right, wanted, given = counts[:, counts[1] + counts[2] > 0]
    return float(np.mean(2 * right / (wanted + given)))


SCORES: Mapping[str, Callable[[np.ndarray], float]] = {"accuracy": accuracy, "macro-f1": macro_f1, "f1": f1}
