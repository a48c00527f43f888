"""Bennet, Doerr, Moreau, Rapin, Teytaud & Teytaud 2021, "Nevergrad: black-box optimization platform"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keepgate.errors import InputError, MissingExtraError, quoted
from keepgate.training.evolution.replayed import Replayed

__all__ = ["Nevergrad"]


@dataclass(eq=False, kw_only=True)
class Nevergrad(Replayed):
    """Any optimiser of the package `nevergrad`; unlike them, it can be resumed.

    Attributes:
        optimizer: its name in `nevergrad.optimizers.registry`.
        budget: evaluations in all, by which some optimisers choose what they do; None: unknown.

    Raises:
        MissingExtraError: `nevergrad` is not installed.
        InputError: it has no such optimiser.
    """

    optimizer: str = "NGOpt"
    budget: int | None = None

    def make(self) -> None:
        """Make the optimiser."""
        try:
            import nevergrad
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("Nevergrad", error) from None
        if self.optimizer not in nevergrad.optimizers.registry:
            raise InputError(f"nevergrad has no optimizer {quoted(self.optimizer)}")
        space = nevergrad.p.Array(init=self.start).set_mutation(sigma=self.spread)
        space.random_state = np.random.RandomState(self.seed % 2**32)
        make = nevergrad.optimizers.registry[self.optimizer]
        self.search = make(space, budget=self.budget, num_workers=self.population)

    def sample(self) -> np.ndarray:
        """Return the optimiser's candidates."""
        self.candidates = [self.search.ask() for _ in range(self.population)]
        return np.array([candidate.value for candidate in self.candidates])

    def report(self, losses: np.ndarray) -> None:
        """Tell the optimiser."""
        for candidate, loss in zip(self.candidates, losses.tolist(), strict=True):
            self.search.tell(candidate, loss)
