"""Data that can be learned in a moment, and sizes of networks that learn them."""

from __future__ import annotations

import numpy as np

SMALL = {"hidden_size": 8, "epochs": 3, "folds": 0}


def first_step_decides(count, seed=0):
    """Noise of 10 to 30 steps whose first step alone, +1 or -1, is the class: only a memory can tell."""
    rng = np.random.default_rng(seed)
    y = rng.choice(["minus", "plus"], count)
    X = [0.3 * rng.normal(size=(rng.integers(10, 30), 2)) for _ in range(count)]
    for x, label in zip(X, y, strict=True):
        x[0, 1] = 1 if label == "plus" else -1
    return X, y
