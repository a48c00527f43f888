"""Such, Madhavan, Conti, Lehman, Stanley & Clune 2017, "Deep Neuroevolution".

A genetic algorithm: truncation selection, mutation by normal noise, no crossover; the best stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import best_first

__all__ = ["Genetic"]


@dataclass(eq=False, kw_only=True)
class Genetic(Algorithm):
    """Genetic algorithm of mutations alone.

    Attributes:
        mutation: standard deviation of the noise that a child adds to its parent.
        parents: share of the population that may have children.
        individuals: [P, N], the population.
    """

    STATE: ClassVar[tuple[str, ...]] = ("individuals",)

    mutation: float = 0.1
    parents: float = 0.25

    def begin(self) -> None:
        """Draw the first population around `start`."""
        self.individuals = self.start + self.spread * self.noise().astype(np.float64)

    def ask(self) -> np.ndarray:
        """Return the individuals, the best of the last generation first."""
        return self.individuals.astype(np.float32)

    def learn(self, fitness: np.ndarray) -> None:
        """Keep the best; each other one is a mutated copy of one of the best."""
        random, order = self.random(1), best_first(fitness)
        chosen = order[: max(1, round(self.parents * self.population))]
        parents = self.individuals[random.choice(chosen, self.population - 1)]
        children = parents + self.mutation * random.standard_normal(parents.shape)
        self.individuals = np.concatenate([self.individuals[order[:1]], children])
