"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

SMALL = {"hidden_size": 8, "epochs": 3, "folds": 0}


def first_step_decides(count, seed=0):
    """Noise of 10 to 30 steps whose first step alone says the number: only a memory can tell."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(-1, 1, count)
    X = [0.3 * rng.normal(size=(rng.integers(10, 30), 2)) for _ in range(count)]
    for x, number in zip(X, y, strict=True):
        x[0, 1] = number
    return X, y


def peaks_apart(count, seed=0):
    """Series of 40 to 80 steps with two narrow peaks; the number is how far apart they are: no summary tells."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for steps in rng.integers(40, 80, count):
        first, second = sorted(rng.choice(steps, 2, replace=False))
        x = 0.1 * rng.normal(size=steps)
        x[[first, second]] += 2
        X.append(x)
        y.append(float(second - first))
    return X, np.array(y)
