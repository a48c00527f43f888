"""Schaul, Glasmachers & Schmidhuber 2011, "High Dimensions and Heavy Tails for Natural Evolution Strategies".

Separable natural evolution strategy: a normal distribution with a mean and a standard deviation for each number, moved
along the natural gradient of the expected utility (also Wierstra et al. 2014, "Natural Evolution Strategies").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import utilities

__all__ = ["SNES"]


@dataclass(eq=False, kw_only=True)
class SNES(Algorithm):
    """Separable natural evolution strategy.

    Attributes:
        mean_rate: step of the mean along its natural gradient; 1 is the paper's.
        spread_rate: step of the logarithms of the deviations; None: the paper's (3 + ln N) / (5 sqrt N).
        mean, deviation: [N], the distribution.
    """

    STATE: ClassVar[tuple[str, ...]] = ("mean", "deviation")

    mean_rate: float = 1.0
    spread_rate: float | None = None

    def begin(self) -> None:
        """Begin around `start`."""
        self.mean, self.deviation = self.start.copy(), np.full(self.size, float(self.spread))

    @property
    def center(self) -> np.ndarray:
        """The mean [N]."""
        return self.mean

    def ask(self) -> np.ndarray:
        """Return mean + deviation * noise."""
        return (self.mean + self.deviation * self.noise()).astype(np.float32)

    def learn(self, fitness: np.ndarray) -> None:
        """Follow the natural gradient: of the mean, deviation * sum(u s); of ln deviation, sum(u (s^2 - 1)) / 2."""
        rate = self.spread_rate
        if rate is None:
            rate = (3 + np.log(self.size)) / (5 * np.sqrt(self.size))
        s, u = self.noise().astype(np.float64), utilities(fitness)
        self.mean = self.mean + self.mean_rate * self.deviation * np.einsum("p,pn->n", u, s)
        self.deviation = self.deviation * np.exp(rate / 2 * np.einsum("p,pn->n", u, s * s - 1))
