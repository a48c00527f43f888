"""Scores of predicted classes and their probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from keepgate.tasks.common.calibration import confidence_scores

__all__ = ["class_scores", "each_class", "roc_auc"]


def class_scores(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy, macro-averaged F1, mean ROC-AUC, and how well confidence fits what is right.

    Args:
        truth: the number of the right class of each sequence, [N].
        probabilities: of the classes, [N, K]; the most probable one is the answer.
    """
    predicted = probabilities.argmax(axis=1)
    macro_f1 = f1_score(truth, predicted, average="macro", zero_division=0)  # pyright: ignore[reportArgumentType]
    areas = [area for area in roc_auc(truth, probabilities) if not np.isnan(area)]
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro F1": float(macro_f1),
        "ROC-AUC": float(np.mean(areas)) if areas else np.nan,
        **confidence_scores(probabilities.max(axis=1), predicted == truth),
    }


def roc_auc(truth: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """Return the area under the ROC curve of each class against all others, [K]; nan where it is none or all."""
    return [
        float(roc_auc_score(truth == k, probabilities[:, k])) if 0 < np.mean(truth == k) < 1 else np.nan
        for k in range(probabilities.shape[1])
    ]


def each_class(truth: np.ndarray, probabilities: np.ndarray, names: list[str]) -> list[dict[str, Any]]:
    """Return precision, recall, F1, ROC-AUC and support of each class."""
    answers = probabilities.argmax(axis=1)
    columns: Any = precision_recall_fscore_support(truth, answers, labels=range(len(names)), zero_division=0)  # pyright: ignore[reportArgumentType]
    rows = zip(names, *columns, roc_auc(truth, probabilities), strict=True)
    return [
        {"class": name, "precision": float(p), "recall": float(r), "F1": float(f), "ROC-AUC": area, "support": int(n)}
        for name, p, r, f, n, area in rows
    ]
