"""The scale that a target is learned on: its own, or that of its square root.

What is never negative often varies the more the higher it is (counts, flows, sunspots); its square root varies alike
at all heights (Bartlett 1936), and a forecast made of it cannot become negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

__all__ = ["TRANSFORMS", "Transform"]


@dataclass(frozen=True)
class Transform:
    """A scale.

    Attributes:
        forth: from values to it.
        back: from it to values; it never falls.
        bend: half of the second derivative of `back`, what the mean gains from each unit of variance.
    """

    forth: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    bend: float = 0.0

    def restored(self, forecasts: np.ndarray, quantiles: Sequence[float]) -> np.ndarray:
        """Return forecasts [..., 1 + Q], the mean first, in units of the values.

        Quantiles are carried over as they are; the mean gains from the variance, which the outermost quantiles say,
        as those of a normal distribution.
        """
        values = self.back(forecasts)
        if self.bend and len(quantiles) > 1:
            normal = NormalDist()
            apart = normal.inv_cdf(quantiles[-1]) - normal.inv_cdf(quantiles[0])
            values[..., 0] += self.bend * np.square((forecasts[..., -1] - forecasts[..., 1]) / apart)
        return values


TRANSFORMS = {
    "identity": Transform(lambda y: y, lambda z: z),
    "sqrt": Transform(lambda y: np.sqrt(np.maximum(y, 0.0)), lambda z: np.square(np.maximum(z, 0.0)), 1.0),
}
