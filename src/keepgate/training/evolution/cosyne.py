"""Gomez, Schmidhuber & Miikkulainen 2008, "Accelerated Neural Evolution through Cooperatively Coevolved Synapses".

Every weight has a subpopulation of its own; the i-th members of all make the i-th network. The worst quarter gives way
to children of the best; then members of each subpopulation change places, so that they are tried in other networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import best_first, centered_ranks

__all__ = ["CoSyNE"]


@dataclass(eq=False, kw_only=True)
class CoSyNE(Algorithm):
    """Cooperative coevolution of synapses.

    Attributes:
        mutation: scale of the Cauchy noise of a mutated weight.
        mutated: share of a child's weights that are mutated.
        parents: share of the population that has children, and that is replaced by them.
        individuals: [P, N]; a column is a subpopulation.
    """

    STATE: ClassVar[tuple[str, ...]] = ("individuals",)

    population: int = 20
    spread: float = 1.0
    mutation: float = 0.3
    mutated: float = 0.2
    parents: float = 0.25

    def begin(self) -> None:
        """Draw the first weights uniformly, `spread` to both sides of `start`."""
        self.individuals = self.start + self.spread * self.random().uniform(-1, 1, (self.population, self.size))

    def ask(self) -> np.ndarray:
        """Return the networks."""
        return self.individuals.astype(np.float32)

    def learn(self, fitness: np.ndarray) -> None:
        """Replace the worst by children of the best, then let members change places.

        A member keeps its place the rather, the fitter its network was: it is marked with the probability
        1 - f^(1/N), where f is the fitness scaled to 0..1; here by rank, which no outlier stretches. The marked ones of
        a subpopulation are permuted.
        """
        random, order = self.random(1), best_first(fitness)
        count = max(2, round(self.parents * self.population))
        ordered, worth = self.individuals[order], centered_ranks(fitness)[order] + 0.5
        children = self._children(random, ordered[:count])[: self.population - 1]
        kept = self.population - len(children)
        ordered[kept:], worth[kept:] = children, 0.0
        chance = 1 - worth ** (1 / self.size)
        marked = random.random(ordered.shape) < chance[:, None]
        for column, rows in zip(ordered.T, marked.T, strict=True):
            column[rows] = random.permutation(column[rows])
        self.individuals = ordered

    def _children(self, random: np.random.Generator, parents: np.ndarray) -> np.ndarray:
        """Return a child of each parent and another: one-point crossover, some weights mutated."""
        count = len(parents)
        other = (np.arange(count) + random.integers(1, count, count)) % count
        cut = random.integers(0, self.size + 1, (count, 1))
        children = np.where(np.arange(self.size) < cut, parents, parents[other])
        noise = self.mutation * random.standard_cauchy(children.shape)
        return children + noise * (random.random(children.shape) < self.mutated)
