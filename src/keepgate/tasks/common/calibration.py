"""Confidence that means something: temperatures fitted on held-out data, and how well confidence fits what is right.

Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration_error", "confidence_scores", "reliability", "reliability_figure", "temperature"]

BINS = 15  # of confidence, as Guo et al. count
HOTTEST = 1e3  # and coldest, its inverse: where the search for a temperature ends


def temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the T by which logits are divided so that their softmax says how often each class is right.

    It minimizes the mean negative log-likelihood of held-out data. As Platt 1999 does, it reckons with more right and
    wrong answers than there were, half a one of each (Jeffreys' prior), so that data without a mistake leave doubt.

    >>> logits = np.array([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 0.0]])
    >>> round(temperature(logits, np.array([0, 0, 1, 1])), 2)  # 3 right and 1 wrong: 4 / T = log(3.5 / 1.5)
    4.72

    Args:
        logits: of held-out data, finite, [N, K]; logarithms of probabilities do, too.
        targets: the number of the right class of each, [N].

    Returns:
        T between 0.001 and 1000.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    doubt = 0.5 / (len(logits) + 1)
    rest = doubt / max(logits.shape[1] - 1, 1)
    right = np.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
    wanted = ((1 - doubt - rest) * right + rest * logits.sum(axis=1)).mean()

    def slope(inverse: float) -> float:
        """Return the derivative of the loss by 1 / T, which rises with it: the loss is convex."""
        return float((softmax(inverse * logits) * logits).sum(axis=1).mean() - wanted)

    low, high = -np.log(HOTTEST), np.log(HOTTEST)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(np.exp(middle)) > 0 else (middle, high)
    return float(np.exp(-low))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [N, K]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return for each bin of confidence that is not empty: number of answers, mean confidence, share right, [bins, 3].

    Args:
        confidence: the probability of each answer, [N].
        right: whether it was right, [N].
        bins: their number; each is as wide as the others.
    """
    place = np.clip((confidence * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, minlength=bins) for values in (confidence, right)]
    filled = counts > 0
    return np.stack([counts[filled], *(values[filled] / counts[filled] for values in sums)], axis=1)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error: the mean gap between confidence and share right, over answers."""
    counts, expected, found = reliability(confidence, right, bins).T
    return float((counts * np.abs(expected - found)).sum() / counts.sum())


def confidence_scores(confidence: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Return how well confidence fits what is right: the expected calibration error, and how it ranks.

    The second score is the chance that a right answer has a higher confidence than a wrong one; nan where all are
    right or all are wrong.
    """
    from sklearn.metrics import roc_auc_score

    ranked = float(roc_auc_score(right, confidence)) if 0 < np.mean(right) < 1 else np.nan
    return {"ECE": calibration_error(confidence, right), "AUC right/wrong": ranked}


def reliability_figure(confidence: np.ndarray, right: np.ndarray) -> Figure:
    """Return a reliability diagram: the share right of each bin of confidence, and how many answers are in it."""
    from keepgate.tasks.common.report.figures import new_figure

    counts, expected, found = reliability(confidence, right).T
    figure, axes = new_figure(4.5, 4.5)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="calibrated")
    axes.plot(expected, found, color="C0", zorder=1)
    axes.scatter(expected, found, 20 + 380 * counts / counts.sum(), color="C0", label="answers, by their number")
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
    axes.legend(frameon=False, loc="upper left", markerscale=0.5)
    return figure
