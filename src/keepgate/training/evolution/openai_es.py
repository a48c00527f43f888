"""Salimans et al. 2017, "Evolution Strategies as a Scalable Alternative to Reinforcement Learning".

One deviation for all numbers, mirrored pairs, centred ranks, and Adam (Kingma & Ba 2015) on the gradient that is
estimated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import centered_ranks

__all__ = ["OpenAIES"]

BETAS, TINY = (0.9, 0.999), 1e-8  # of Adam


@dataclass(eq=False, kw_only=True)
class OpenAIES(Algorithm):
    """Evolution strategy with mirrored sampling; `spread` stays as it is.

    Attributes:
        rate: step size of Adam.
        decay: strength of the weight decay, which draws the mean to zero.
        mean: [N].
        momentum, square: [N], of Adam.
    """

    STATE: ClassVar[tuple[str, ...]] = ("mean", "momentum", "square")
    PAIRS: ClassVar[bool] = True

    rate: float = 0.05
    decay: float = 0.0

    def begin(self) -> None:
        """Begin at `start`."""
        self.mean, self.momentum, self.square = self.start.copy(), np.zeros(self.size), np.zeros(self.size)

    @property
    def center(self) -> np.ndarray:
        """The mean [N]."""
        return self.mean

    def ask(self) -> np.ndarray:
        """Return the mean plus and minus spread * noise: first all pluses, then all minuses."""
        step = self.spread * self.noise().astype(np.float64)
        return np.concatenate([self.mean + step, self.mean - step]).astype(np.float32)

    def learn(self, fitness: np.ndarray) -> None:
        """Follow the estimated gradient, sum(F noise) / (P spread), by Adam."""
        plus, minus = np.split(centered_ranks(fitness), 2)
        gradient = np.einsum("p,pn->n", plus - minus, self.noise().astype(np.float64)) / (self.population * self.spread)
        gradient -= self.decay * self.mean
        first, second = BETAS
        self.momentum = first * self.momentum + (1 - first) * gradient
        self.square = second * self.square + (1 - second) * gradient**2
        count = self.generation + 1
        step = self.momentum / (1 - first**count) / (np.sqrt(self.square / (1 - second**count)) + TINY)
        self.mean = self.mean + self.rate * step
