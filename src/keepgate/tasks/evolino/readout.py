"""Outputs that are solved: a linear map from the states of a network to the targets."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

__all__ = ["Reader", "pseudo_inverse", "support_vectors"]

Reader = Callable[[np.ndarray, np.ndarray], np.ndarray]  # states [T, H], targets [T] -> weights [H + 1], the bias last

CUT = 1e-12  # singular values below this share of the largest count as zero
TUBE = 1e-3  # deviations within which an error of support vector regression costs nothing


def _standardised(states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the states, each column with mean 0 and deviation 1, and their means and deviations.

    Cells may move very little around a value far from zero; what they move by is all that is of use.
    """
    mean = states.mean(0)
    centred = states - mean
    scale = np.sqrt(np.square(centred).mean(0))
    scale[scale == 0] = 1.0
    return centred / scale, mean, scale


def _restored(weights: np.ndarray, at: float, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return weights and bias for the states as they are, from those for standardised ones."""
    weights = weights / scale
    return np.append(weights, at - mean @ weights)


def pseudo_inverse(states: np.ndarray, targets: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Return the weights of the least squares, with a penalty on their squares, for standardised states."""
    features, mean, scale = _standardised(states)
    middle = targets.mean()
    targets = targets - middle
    if ridge:
        count = features.shape[1]
        features = np.concatenate([features, np.sqrt(ridge * len(features)) * np.eye(count)])
        targets = np.concatenate([targets, np.zeros(count)])
    return _restored(np.linalg.lstsq(features, targets, rcond=CUT)[0], middle, mean, scale)


def support_vectors(states: np.ndarray, targets: np.ndarray, cost: float) -> np.ndarray:
    """Return the weights of linear support vector regression, by scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVR

    features, mean, scale = _standardised(states)
    features = np.concatenate([features, np.ones((len(features), 1))], 1)
    machine = LinearSVR(C=cost, epsilon=TUBE, fit_intercept=False, max_iter=2000, random_state=0, dual="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is found by then is judged as it is
        found = machine.fit(features, targets).coef_
    return _restored(found[:-1], found[-1], mean, scale)
