"""Scores of reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_squared_error(errors: Sequence[np.ndarray]) -> float:
    """Return the mean of all squared errors, N arrays [T_i, C]."""
    return float(np.square(np.concatenate(errors)).mean())
