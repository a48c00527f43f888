"""Scores of predicted classes."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, f1_score


def class_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return accuracy and macro-averaged F1 of the classes [N] that were predicted."""
    macro_f1 = f1_score(truth, predicted, average="macro", zero_division=0)  # pyright: ignore[reportArgumentType]
    return {"accuracy": float(accuracy_score(truth, predicted)), "macro F1": float(macro_f1)}
