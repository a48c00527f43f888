"""The base of the algorithms: a population that is asked for, and told how good each individual is."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from keepgate.errors import InputError, quoted

__all__ = ["Algorithm"]


@dataclass(eq=False, kw_only=True)
class Algorithm(ABC):
    """A search for the N numbers of the highest fitness.

    `ask` is a function of the state, `tell` goes on to the next generation. All that is random is a function of the
    seed and the generation, so a state is the arrays that `STATE` names and needs no random generator.

    Attributes:
        start: [N], where the search begins.
        spread: standard deviation (or scale) of the first population around `start`.
        population: P, individuals of a generation, at least 2.
        seed: of all that is random.
        generation: how many were told.
    """

    STATE: ClassVar[tuple[str, ...]]  # attributes that hold the state, arrays of float64
    PAIRS: ClassVar[bool] = False  # whether individuals come in mirrored pairs

    start: np.ndarray = field(kw_only=False)
    spread: float = 0.5
    population: int = 64
    seed: int = 0
    generation: int = field(default=0, init=False)
    _noise: np.ndarray | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self.start = np.array(self.start, np.float64)
        except (TypeError, ValueError):
            raise InputError(f"start={quoted(self.start)} is no array of numbers") from None
        if self.start.ndim != 1 or not self.start.size or not np.isfinite(self.start).all():
            raise InputError(f"start has to be [N], finite numbers; got shape {self.start.shape}")
        if isinstance(self.population, bool) or not isinstance(self.population, int) or self.population < 2:
            raise InputError(f"population={quoted(self.population)} is not possible: it takes at least 2 to compare")
        if self.PAIRS and self.population % 2:
            raise InputError(f"population={self.population} is odd: {type(self).__name__} draws mirrored pairs")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InputError(f"seed={quoted(self.seed)} is no whole number from 0 on")
        for one in fields(self):
            value = getattr(self, one.name)
            if one.type == "float" and not (isinstance(value, int | float) and 0 <= value < np.inf):
                raise InputError(f"{one.name}={quoted(value)} is no number from 0 on")
        self.begin()

    @property
    def size(self) -> int:
        """N, the numbers of an individual."""
        return len(self.start)

    @property
    def center(self) -> np.ndarray | None:
        """The mean of the distribution that is searched with, [N]; None where there is no such thing."""
        return None

    @abstractmethod
    def begin(self) -> None:
        """Set the state of generation 0."""

    @abstractmethod
    def ask(self) -> np.ndarray:
        """Return the population [P, N], float32; the same until `tell`."""

    @abstractmethod
    def learn(self, fitness: np.ndarray) -> None:
        """Go on to the next state; fitness [P] is float64, -inf where it was NaN."""

    def tell(self, fitness: Any) -> None:
        """Take the fitness of the population that `ask` returned, and go on to the next generation.

        Args:
            fitness: P numbers, the higher the better; NaN ranks last.

        Raises:
            InputError: these are not P numbers, or all are NaN.
        """
        values = np.asarray(fitness)
        if values.shape != (self.population,) or values.dtype.kind not in "fiu":
            raise InputError(
                f"the fitness of generation {self.generation} has to be {self.population} numbers, one for each "
                f"individual; got shape {values.shape} of {values.dtype}"
            )
        values = np.where(np.isnan(values), -np.inf, values.astype(np.float64))
        if np.isneginf(values).all():
            raise InputError(
                f"the fitness of all {self.population} individuals of generation {self.generation} is NaN or -inf: "
                "there is nothing to choose by; look into the fitness function"
            )
        self.learn(values)
        self.generation, self._noise = self.generation + 1, None

    def random(self, stream: int = 0) -> np.random.Generator:
        """Return this generation's random numbers, those of one of several streams."""
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, stream, self.generation]))

    def noise(self) -> np.ndarray:
        """Return this generation's standard normal numbers, float32: [P, N], or [P / 2, N] for mirrored pairs."""
        if self._noise is None:
            rows = self.population // 2 if self.PAIRS else self.population
            self._noise = self.random().standard_normal((rows, self.size), np.float32)
        return self._noise

    def state(self) -> dict[str, np.ndarray]:
        """Return copies of the arrays that `STATE` names, and the generation."""
        arrays = {name: np.array(getattr(self, name)) for name in self.STATE}
        return {"generation": np.array(self.generation, np.int64), **arrays}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned.

        Raises:
            InputError: it is the state of another search.
        """
        now = self.state()
        for name, value in now.items():
            given = state.get(name)
            if given is None or given.shape != value.shape or given.dtype != value.dtype or np.isnan(given).any():
                raise InputError(f"the state lacks {name}, or has another one than this {type(self).__name__}")
        for name in self.STATE:
            setattr(self, name, np.array(state[name]))
        self.generation, self._noise = int(state["generation"]), None

    def about(self) -> dict[str, Any]:
        """Return what makes this search, as plain data: a run goes on only with the same."""
        options = {f.name: getattr(self, f.name) for f in fields(self) if f.init and f.name != "start"}
        options = {name: _plain(value) for name, value in options.items()}
        start = hashlib.sha256(self.start.tobytes()).hexdigest()
        return {"algorithm": type(self).__name__, "size": self.size, "start": start, **options}


def _plain(value: Any) -> Any:
    """Return an option as JSON keeps it; arrays as their hash."""
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return value
