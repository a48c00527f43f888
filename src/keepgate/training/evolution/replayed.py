"""The base of searches by other libraries, whose state is what they were told, so that none has to be pickled."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from keepgate.errors import InputError
from keepgate.training.evolution.algorithm import Algorithm

__all__ = ["Replayed"]


@dataclass(eq=False, kw_only=True)
class Replayed(Algorithm):
    """A search that goes on by being told again all it was told: without the fitness function, that is quick."""

    STATE: ClassVar[tuple[str, ...]] = ()

    def begin(self) -> None:
        """Make the library's optimiser."""
        self.told: list[np.ndarray] = []
        self.asked: np.ndarray | None = None
        self.make()

    def __reduce__(self) -> tuple[Any, ...]:
        options = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return _again, (type(self), options, self.state())

    @abstractmethod
    def make(self) -> None:
        """Make the optimiser, whose random numbers are those of the seed."""

    @abstractmethod
    def sample(self) -> np.ndarray:
        """Return a new population [P, N] of the optimiser."""

    @abstractmethod
    def report(self, losses: np.ndarray) -> None:
        """Give the optimiser the losses [P] of the last sample: finite, the lower the better."""

    def ask(self) -> np.ndarray:
        """Return the population."""
        if self.asked is None:
            self.asked = np.asarray(self.sample(), np.float32)
        return self.asked

    def learn(self, fitness: np.ndarray) -> None:
        """Report losses, those of individuals without fitness above all others."""
        self.ask()
        finite = fitness[np.isfinite(fitness)]
        worst = finite.min() - 1 - abs(finite.min()) if finite.size else 0.0
        best = finite.max() + 1 + abs(finite.max()) if finite.size else 0.0
        self.report(-np.nan_to_num(fitness, neginf=worst, posinf=best))
        self.told.append(fitness)
        self.asked = None

    def state(self) -> dict[str, np.ndarray]:
        """Return the fitness [generations, P] of all generations."""
        return {**super().state(), "told": np.reshape(self.told, (-1, self.population)).astype(np.float64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Begin anew, and tell all that was told."""
        told = state.get("told")
        if told is None or told.ndim != 2 or told.shape[1] != self.population or len(told) != state.get("generation"):
            raise InputError(f"the state lacks told, or has another one than this {type(self).__name__}")
        self.generation = 0
        self.begin()
        for fitness in told:
            self.tell(fitness)


def _again(kind: type[Replayed], options: dict[str, Any], state: dict[str, np.ndarray]) -> Replayed:
    """Return the search of another process."""
    search = kind(**options)
    search.restore(state)
    return search
