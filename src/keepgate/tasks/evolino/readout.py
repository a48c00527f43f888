"""Outputs that are solved: a linear map from the states of a network to the targets."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

__all__ = ["Reader", "pseudo_inverse", "support_vectors"]

Reader = Callable[[np.ndarray, np.ndarray], np.ndarray]  # states [T, H], targets [T] -> weights [H + 1], the bias last

CUT = 1e-12  # singular values below this share of the largest count as zero
TUBE = 1e-3  # deviations within which an error of support vector regression costs nothing


def _scaled(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the states and a 1, each column with a mean square of 1, and what they were divided by."""
    features = np.concatenate([states, np.ones((len(states), 1))], 1)
    scale = np.sqrt(np.square(features).mean(0))
    scale[scale == 0] = 1.0
    return features / scale, scale


def pseudo_inverse(states: np.ndarray, targets: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Return the weights of the least squares, with a penalty: that many mean squares of the (scaled) weights."""
    features, scale = _scaled(states)
    if ridge:
        count = features.shape[1]
        features = np.concatenate([features, np.sqrt(ridge * len(features)) * np.eye(count)])
        targets = np.concatenate([targets, np.zeros(count)])
    return np.linalg.lstsq(features, targets, rcond=CUT)[0] / scale


def support_vectors(states: np.ndarray, targets: np.ndarray, cost: float) -> np.ndarray:
    """Return the weights of linear support vector regression, by scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVR

    features, scale = _scaled(states)
    machine = LinearSVR(C=cost, epsilon=TUBE, fit_intercept=False, max_iter=2000, random_state=0, dual="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is found by then is judged as it is
        return machine.fit(features, targets).coef_ / scale
