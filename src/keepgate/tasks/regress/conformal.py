"""Quantiles moved to where numbers that were not learned lie (Romano, Patterson & Candès 2019).

"Conformalized Quantile Regression", the form in which either end of an interval is moved by itself: so a new number is
below a quantile q as often as q says, or less often by one in the number of those it was moved by, whatever the numbers
are drawn from, if all are drawn alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["conformal_shift"]


def conformal_shift(quantiles: Sequence[float], predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what is added to quantiles, [Q, K].

    A quantile from the middle up moves to where at least its share of N + 1 numbers is below, the new one counted as if
    it were above all; one below the middle likewise from the other side. Where N is too few to tell, the outermost of
    the N decides.

    Args:
        quantiles: ascending, between 0 and 1, [Q].
        predicted: of numbers that were not learned, [N, Q, K].
        targets: these numbers, [N, K].
    """
    above = np.sort(targets[:, None] - predicted, axis=0)
    count = len(above)
    ranks = [math.ceil(q * (count + 1)) if q >= 0.5 else math.floor(q * (count + 1)) for q in quantiles]
    return np.stack([above[min(max(rank, 1), count) - 1, k] for k, rank in enumerate(ranks)])
