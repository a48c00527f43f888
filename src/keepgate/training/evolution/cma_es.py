"""Hansen & Ostermeier 2001, "Completely Derandomized Self-Adaptation in Evolution Strategies": CMA-ES, by `cma`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate.errors import InputError, MissingExtraError
from keepgate.training.evolution.replayed import Replayed

__all__ = ["CMAES"]


@dataclass(eq=False, kw_only=True)
class CMAES(Replayed):
    """Covariance matrix adaptation of the package `cma`, for up to about 2,000 numbers.

    Raises:
        MissingExtraError: `cma` is not installed.
    """

    def make(self) -> None:
        """Make the strategy; its own tests of convergence stop nothing."""
        try:
            import cma
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("CMAES", error) from None
        if self.size < 2 or not self.spread:
            raise InputError(f"CMAES takes at least 2 numbers and a spread above 0; got {self.size} and {self.spread}")
        random = self.random()
        self.options: dict[str, Any] = {
            "popsize": self.population,
            "randn": lambda *shape: random.standard_normal(shape),
            "seed": np.nan,  # cma leaves NumPy's own generator alone
            "verbose": -9,
        }
        self.strategy = cma.CMAEvolutionStrategy(self.start, self.spread, self.options)

    @property
    def center(self) -> np.ndarray:
        """The mean [N]."""
        return np.asarray(self.strategy.mean)

    def sample(self) -> np.ndarray:
        """Return the strategy's candidates."""
        self.candidates = self.strategy.ask()
        return np.array(self.candidates)

    def report(self, losses: np.ndarray) -> None:
        """Tell the strategy."""
        self.strategy.tell(self.candidates, losses.tolist())
