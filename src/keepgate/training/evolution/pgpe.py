"""Sehnke, Osendorfer, Rückstieß, Graves, Peters & Schmidhuber 2010, "Parameter-exploring policy gradients".

Policy gradients over the distribution of the parameters: a mean and a deviation for each, symmetric sampling. Fitness
counts by its rank, of which the baseline is the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import centered_ranks

__all__ = ["PGPE"]

MOST_CHANGE = 0.2  # of a deviation in one generation, as a share of it


@dataclass(eq=False, kw_only=True)
class PGPE(Algorithm):
    """Parameter-exploring policy gradients with symmetric sampling.

    Attributes:
        mean_rate: step of the mean, in deviations.
        spread_rate: step of the deviations, as a share of them.
        mean, deviation: [N], the distribution.
    """

    STATE: ClassVar[tuple[str, ...]] = ("mean", "deviation")
    PAIRS: ClassVar[bool] = True

    mean_rate: float = 2.0
    spread_rate: float = 0.5

    def begin(self) -> None:
        """Begin around `start`."""
        self.mean, self.deviation = self.start.copy(), np.full(self.size, float(self.spread))

    @property
    def center(self) -> np.ndarray:
        """The mean [N]."""
        return self.mean

    def ask(self) -> np.ndarray:
        """Return the mean plus and minus deviation * noise: first all pluses, then all minuses."""
        step = self.deviation * self.noise()
        return np.concatenate([self.mean + step, self.mean - step]).astype(np.float32)

    def learn(self, fitness: np.ndarray) -> None:
        """Follow the gradient with rates in proportion to the variances, as the paper does.

        With e = deviation * noise of a pair, the mean moves along e (r+ - r-) / 2, the deviation along
        (e^2 - deviation^2) / deviation * ((r+ + r-) / 2 - baseline), each as its mean over the pairs.
        """
        plus, minus = np.split(centered_ranks(fitness), 2)
        noise, pairs = self.noise().astype(np.float64), self.population // 2
        toward = np.einsum("p,pn->n", (plus - minus) / 2, noise) / pairs
        wider = np.einsum("p,pn->n", (plus + minus) / 2, noise**2 - 1) / pairs
        self.mean = self.mean + self.mean_rate * self.deviation * toward
        self.deviation = self.deviation * (1 + np.clip(self.spread_rate * wider, -MOST_CHANGE, MOST_CHANGE))
