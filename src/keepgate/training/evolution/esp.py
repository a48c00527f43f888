"""Gomez & Miikkulainen 2003, "Active Guidance for a Finless Rocket Using Neuroevolution", and Gomez 2003 (thesis).

Enforced subpopulations: each unit of the network has a subpopulation; networks are made of random members of all. A
member is worth the mean fitness of its networks. When progress stops, burst mutation makes all subpopulations anew
around the units of the best network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from keepgate.errors import InputError
from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.ranking import best_first

__all__ = ["ESP"]


@dataclass(eq=False, kw_only=True)
class ESP(Algorithm):
    """Enforced subpopulations with burst mutation.

    A generation tries every member `trials` times: the population is `members * trials` networks.

    Attributes:
        units: the places of each unit's weights in the N numbers, an array of whole numbers for each unit; together
            they name every place once.
        members: of a subpopulation.
        mutation: scale of the Cauchy noise of a mutated weight.
        mutated: share of a child's weights that are mutated.
        parents: share of a subpopulation that has children; twice as many are replaced by them.
        burst: scale of the Cauchy noise of burst mutation.
        patience: generations without a better network before burst mutation.
        pool: [members, N]; the columns of a unit are its subpopulation.
        best, record, waited: the best network, its fitness, and the generations since.
    """

    STATE: ClassVar[tuple[str, ...]] = ("pool", "best", "record", "waited")

    population: int = 100
    spread: float = 1.0
    units: Sequence[np.ndarray] = ()
    trials: int = 5
    mutation: float = 0.3
    mutated: float = 0.4
    parents: float = 0.25
    burst: float = 0.3
    patience: int = 20

    def begin(self) -> None:
        """Draw the first weights uniformly, `spread` to both sides of `start`."""
        places = np.sort(np.concatenate([np.ravel(unit) for unit in self.units])) if len(self.units) else np.zeros(0)
        if not np.array_equal(places, np.arange(self.size)):
            raise InputError(f"the units have to name each of the {self.size} places once")
        if self.population % self.trials or self.population // self.trials < 2:
            raise InputError(
                f"population={self.population} has to be trials={self.trials} times at least 2 members of a "
                "subpopulation"
            )
        self.pool = self.start + self.spread * self.random().uniform(-1, 1, (self.members, self.size))
        self.best, self.record, self.waited = self.start.copy(), np.array(-np.inf), np.array(0.0)

    @property
    def members(self) -> int:
        """How many members each subpopulation has."""
        return self.population // self.trials

    def about(self) -> dict[str, object]:
        """Return what makes this search; the units as lists."""
        return {**super().about(), "units": [np.ravel(unit).tolist() for unit in self.units]}

    def ask(self) -> np.ndarray:
        """Return networks of random members; each member is in `trials` of them."""
        networks = np.empty((self.population, self.size), np.float32)
        for unit, drawn in zip(self.units, self._drawn(), strict=True):
            networks[:, unit] = self.pool[drawn[:, None], unit]
        return networks

    def _drawn(self) -> np.ndarray:
        """Return the member [units, P] that each unit of each network is."""
        random = self.random(1)
        orders = [random.permutation(self.members) for _ in range(len(self.units) * self.trials)]
        return np.reshape(orders, (len(self.units), self.population))

    def learn(self, fitness: np.ndarray) -> None:
        """Breed the members by what they are worth, or make all anew around the best."""
        winner = int(best_first(fitness)[0])
        if fitness[winner] > self.record:
            self.best, self.record = self.ask()[winner].astype(np.float64), np.array(fitness[winner])
            self.waited = np.array(0.0)
        else:
            self.waited = self.waited + 1
        random = self.random(2)
        if self.waited >= self.patience:
            self.pool = self.best + self.burst * random.standard_cauchy(self.pool.shape)
            self.waited = np.array(0.0)
            return
        floor = fitness[np.isfinite(fitness)].min(initial=0.0)
        finite = np.where(np.isneginf(fitness), floor - 1 - abs(floor), fitness)
        pool = self.pool.copy()
        for unit, drawn in zip(self.units, self._drawn(), strict=True):
            worth = np.bincount(drawn, finite, self.members)
            pool[:, unit] = self._bred(random, self.pool[:, unit][best_first(worth)])
        self.pool = pool

    def _bred(self, random: np.random.Generator, ordered: np.ndarray) -> np.ndarray:
        """Return a subpopulation, best first, with its worst replaced by pairs of crossed and mutated children."""
        count = max(2, round(self.parents * len(ordered)))
        most = min(2 * count, len(ordered) - 1)
        first, second = np.arange(count), (np.arange(count) + random.integers(1, count, count)) % count
        cut = random.integers(0, ordered.shape[1] + 1, (count, 1))
        left = np.arange(ordered.shape[1]) < cut
        a, b = ordered[first], ordered[second]
        children = np.concatenate([np.where(left, a, b), np.where(left, b, a)])[:most]
        noise = self.mutation * random.standard_cauchy(children.shape)
        children = children + noise * (random.random(children.shape) < self.mutated)
        return np.concatenate([ordered[: len(ordered) - most], children])
