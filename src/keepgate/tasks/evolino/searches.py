"""The searches of Evolino: algorithms of `keepgate.training.evolution`, set up for the weights of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keepgate.equations import Equations
from keepgate.native import Population
from keepgate.training.evolution import CMAES, ESP, SNES, Algorithm, CoSyNE

__all__ = ["SEARCHES", "Space", "units"]

BIASES = {"f": 1.5, "o": -1.0}  # of gates by name: open to what was, nearly closed to the output
MUTATION = 0.2  # scale of mutations, in deviations of the first generation


@dataclass
class Space:
    """What a search's numbers mean: a weight is `center` + `deviation` times its number.

    Attributes:
        center, deviation: [N], of the weights of the first generation.
    """

    center: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, equations: Equations, networks: Population, spread: float, input_spread: float) -> Space:
        """Return the space of a cell's weights: around zeros, but for the biases of forget and output gates."""
        center, deviation = np.zeros(networks.size), np.full(networks.size, spread)
        deviation[networks.places("weight_ih").ravel()] = input_spread
        gates = equations.biases.get("ih", [])
        if gates and "bias_ih" in networks.shapes:
            for gate, places in zip(gates, np.split(networks.places("bias_ih"), len(gates)), strict=True):
                center[places] = BIASES.get(gate, 0.0)
        return cls(center, deviation)

    def weights(self, numbers: np.ndarray) -> np.ndarray:
        """Return the weights [P, N], float32, of numbers [P, N]."""
        with np.errstate(over="ignore"):
            return (self.center + self.deviation * numbers).astype(np.float32)


def units(networks: Population) -> list[np.ndarray]:
    """Return the places of each cell's weights: the rows of every parameter that belong to it."""
    rows: list[list[np.ndarray]] = [[] for _ in range(networks.hidden_size)]
    for name in networks.shapes:
        places = networks.places(name)
        for k in range(len(places)):
            rows[k % networks.hidden_size].append(np.ravel(places[k]))
    return [np.concatenate(unit) for unit in rows]


def esp(networks: Population, population: int, seed: int) -> Algorithm:
    """Return enforced subpopulations, each of a cell."""
    trials = next(t for t in (5, 4, 3, 2, 1) if population % t == 0 and population >= 2 * t)
    start = np.zeros(networks.size)
    shape = {"population": population, "units": units(networks), "trials": trials}
    return ESP(start, spread=1.0, seed=seed, mutation=MUTATION, burst=MUTATION, **shape)


Make = Callable[[Population, int, int], Algorithm]


def _plain(kind: Callable[..., Algorithm], **options: float) -> Make:
    def make(networks: Population, population: int, seed: int) -> Algorithm:
        return kind(np.zeros(networks.size), spread=1.0, population=population, seed=seed, **options)

    return make


SEARCHES: dict[str, Make] = {  # from a population's size and a seed, searches in a `Space`
    "snes": _plain(SNES),
    "esp": esp,
    "cosyne": _plain(CoSyNE, mutation=MUTATION),
    "cmaes": _plain(CMAES),
}
