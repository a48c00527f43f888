"""The searches of Evolino: algorithms of `keepgate.training.evolution`, set up for the weights of cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keepgate.equations import Equations
from keepgate.native import Population
from keepgate.training.evolution import CMAES, ESP, SNES, Algorithm, CoSyNE

__all__ = ["SEARCHES", "begun", "units"]

BIASES = {"f": 1.5, "o": -1.0}  # of gates by name: open to what was, nearly closed to the output (as Evolino's paper)


def begun(equations: Equations, networks: Population) -> np.ndarray:
    """Return where a search begins, [N]: zeros, but for the biases of forget and output gates."""
    start = np.zeros(networks.size)
    gates = equations.biases.get("ih", [])
    if gates and "bias_ih" in networks.shapes:
        for gate, places in zip(gates, np.split(networks.places("bias_ih"), len(gates)), strict=True):
            start[places] = BIASES.get(gate, 0.0)
    return start


def units(networks: Population) -> list[np.ndarray]:
    """Return the places of each cell's weights: the rows of every parameter that belong to it."""
    rows: list[list[np.ndarray]] = [[] for _ in range(networks.hidden_size)]
    for name in networks.shapes:
        places = networks.places(name)
        for k in range(len(places)):
            rows[k % networks.hidden_size].append(np.ravel(places[k]))
    return [np.concatenate(unit) for unit in rows]


def esp(networks: Population, start: np.ndarray, spread: float, population: int, seed: int) -> Algorithm:
    """Return enforced subpopulations, each of a cell; mutations are as wide as the first generation."""
    trials = next(t for t in (5, 4, 3, 2, 1) if population % t == 0 and population >= 2 * t)
    return ESP(
        start,
        spread=spread,
        population=population,
        seed=seed,
        units=units(networks),
        trials=trials,
        mutation=spread / 5,
        burst=spread / 5,
    )


Make = Callable[[Population, np.ndarray, float, int, int], Algorithm]


def _plain(kind: Callable[..., Algorithm], **options: float) -> Make:
    def make(networks: Population, start: np.ndarray, spread: float, population: int, seed: int) -> Algorithm:
        return kind(start, spread=spread, population=population, seed=seed, **options)

    return make


SEARCHES: dict[str, Make] = {
    "snes": _plain(SNES),
    "esp": esp,
    "cosyne": _plain(CoSyNE, mutation=0.01),
    "cmaes": _plain(CMAES),
}
