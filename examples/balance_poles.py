"""Recurrent networks that balance poles whose velocities are hidden, found by evolution alone.

    python examples/balance_poles.py single --seeds 10
    python examples/balance_poles.py speed
    python examples/balance_poles.py double --search cmaes cosyne --cell rnn lstm --runs 50 --out runs.csv

Single: an LSTM on CartPole without velocities; solved once the mean policy balances all of 1,000 fresh starts for 500
steps. Double: two poles, the damping fitness, no velocities; solved once the best network of a generation balances
for 100,000 steps and from at least 200 of the 625 starts that generalisation is measured by. Speed: of 256 LSTMs of 16
units and their carts.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from double_pole import ENOUGH, STEPS, damped, generalises, lasts
from poles import OnePole, balanced

from keepgate.cells import get
from keepgate.population import Population
from keepgate.training.evolution import CMAES, SNES, Algorithm, CoSyNE, evolve

FRESH, EPISODE = 1000, 500
MOST = 20_000  # evaluations of a run

PATIENCE = 110  # generations after which a search begins anew
SEARCHES: dict[str, tuple[type[Algorithm], dict[str, Any], Callable[[int], int]]] = {  # and networks, by their weights
    "cmaes": (CMAES, {"spread": 1.0}, lambda size: round(4 * size**0.5)),
    "cosyne": (CoSyNE, {"spread": 3.0, "mutation": 1.0}, lambda size: 20),
    "snes": (SNES, {"spread": 1.0}, lambda size: 24),
}


def single(seed: int, cell: str = "lstm", units: int = 16, networks: int = 64, rows: int = 2, limit: int = 200):
    """Return CPU seconds, policies tried and steps taken until the mean policy is right, and its worst fresh start."""
    equations, steps = get(cell).equations, 0
    made = {n: Population(equations, 2, units, 1, n, rows) for n in (networks, networks + 1)}
    one = Population(equations, 2, units, 1, 1, FRESH)

    def fitness(policies: np.ndarray, generation: int) -> np.ndarray:
        nonlocal steps
        population = made[len(policies)]
        population.load(policies)
        starts = np.tile(drawn([seed, generation], rows), len(policies))
        found = balanced(OnePole, population, starts, EPISODE)
        steps += int(found.sum())
        return found.reshape(len(policies), rows).mean(1)

    worst = 0

    def solved(row, _) -> bool:
        nonlocal worst
        if row["center"] < EPISODE:
            return False
        one.load(search.center[None].astype(np.float32))
        worst = int(balanced(OnePole, one, drawn([10**6 + seed, search.generation], FRESH), EPISODE).min())
        return worst == EPISODE

    search = SNES(np.zeros(one.size), spread=0.5, population=networks, seed=seed)
    began = time.process_time()
    rows_found = evolve(search, fitness, limit, until=solved).rows
    return time.process_time() - began, rows_found[-1]["evaluations"], steps, worst


def drawn(seed: Sequence[int], count: int) -> np.ndarray:
    """Return starts of one pole, [4, N]."""
    return np.random.default_rng(seed).uniform(-0.05, 0.05, (4, count))


class Endless(OnePole):
    """A cart that is never lost."""

    bound = (np.inf, np.inf)


def speed(rows: int, networks: int = 256, units: int = 16, turns: int = 20) -> float:
    """Return policy steps a second of processor time, the carts with them: the median of some turns of 500 steps."""
    population, taken = Population(get("lstm").equations, 2, units, 1, networks, rows), []
    population.load(np.random.default_rng(0).normal(0, 0.3, (networks, population.size)))
    for _ in range(turns):
        began = time.process_time()
        balanced(Endless, population, drawn([0], networks * rows), EPISODE)
        taken.append(time.process_time() - began)
    return networks * rows * EPISODE / float(np.median(taken))


class Double:
    """Two poles for networks of a cell, whose biases are zero: left and right are alike.

    Args:
        cell: the name of the cell.
        units: of each network.
        networks: of a generation, by the number of weights.
    """

    def __init__(self, cell: str, units: int, networks: Callable[[int], int]):
        shape = (get(cell).equations, 3, units, 1)
        self.one, self.general = (Population(*shape, 1, rows, squash="tanh") for rows in (1, 625))
        biases = [self.one.places(name) for name in self.one.shapes if name.startswith("bias")]
        self.free = np.delete(np.arange(self.one.size), np.concatenate(biases))
        self.many = Population(*shape, networks(len(self.free)), squash="tanh")
        self.steps, self.starts, self.found = np.zeros(0, int), 0, False

    def weights(self, numbers: np.ndarray) -> np.ndarray:
        """Return the weights of networks, given those that are not zero."""
        found = np.zeros((len(numbers), self.one.size), np.float32)
        found[:, self.free] = numbers
        return found

    def fitness(self, numbers: np.ndarray, generation: int) -> np.ndarray:
        """Return the damping fitness of a generation."""
        self.many.load(self.weights(numbers))
        found, self.steps = damped(self.many)
        return found

    def solved(self, row: Mapping[str, Any], champion: np.ndarray) -> bool:
        """Return whether the best of a generation generalises and lasts."""
        if self.steps.max() < STEPS:
            return False
        for network in (self.one, self.general):
            network.load(self.weights(champion[None]))
        self.starts = generalises(self.general)
        self.found = self.starts >= ENOUGH and lasts(self.one)
        return self.found


def double(seed: int, search: str, cell: str, units: int) -> tuple[int, float, int]:
    """Return evaluations and CPU seconds until it is solved, or `MOST`, and the starts that are generalised to.

    A search that is not at its end after `PATIENCE` begins anew with other random numbers; all evaluations count.
    """
    kind, options, networks = SEARCHES[search]
    began, evaluations, task, attempt = time.process_time(), 0, Double(cell, units, networks), 0
    options = {**options, "population": task.many.networks}
    while not task.found and evaluations < MOST:
        algorithm = kind(np.zeros(len(task.free)), seed=seed + 1000 * attempt, **options)
        rows = evolve(algorithm, task.fitness, PATIENCE, until=task.solved, center_every=0).rows
        evaluations += rows[-1]["evaluations"]
        attempt += 1
    return evaluations, time.process_time() - began, task.starts if task.found else 0


def table(rows: Sequence[Sequence[float]]) -> str:
    """Return medians, means and worsts of evaluations and seconds, and how many runs were solved."""
    evaluations, seconds, starts = np.array(rows).T
    return (
        f"evaluations: median {np.median(evaluations):,.0f}, mean {evaluations.mean():,.0f}, most "
        f"{evaluations.max():,.0f}; CPU seconds: median {np.median(seconds):.1f}, most {seconds.max():.1f}; "
        f"{(starts > 0).sum()} of {len(rows)} solved, with {np.median(starts):.0f} starts in the median"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("single", "double", "speed"))
    parser.add_argument("--runs", "--seeds", type=int, default=10)
    parser.add_argument("--search", choices=SEARCHES, nargs="+", default=["cmaes"], help="of `double`, each in turn")
    parser.add_argument("--cell", nargs="+", default=None, help="each in turn (default: lstm, of `double` rnn)")
    parser.add_argument("--units", type=int, default=None)
    parser.add_argument("--out", metavar="CSV", help="file for the runs of `double`")
    options = parser.parse_args()
    if options.task == "speed":
        for rows in (1, 4):
            print(f"256 networks, {rows} carts each: {speed(rows) / 1e6:.1f} million policy steps a second")
        return
    if options.task == "single":
        cell, units = (options.cell or ["lstm"])[0], options.units or 16
        found = np.array([single(seed, cell, units) for seed in range(options.runs)])
        for name, column in zip(("CPU seconds", "policies", "steps", "worst of 1,000 starts"), found.T, strict=True):
            print(f"{name}: median {np.median(column):,.2f}, least {column.min():,.2f}, most {column.max():,.2f}")
        return
    written = []
    for search, cell in product(options.search, options.cell or ["rnn"]):
        rows = []
        for seed in range(options.runs):
            rows.append(double(seed, search, cell, options.units or 2))
            print("run {}: {:,} evaluations, {:.1f} s, {} of 625 starts".format(seed, *rows[-1]), flush=True)
        print(f"{search}, {cell}: {table(rows)}", flush=True)
        written += [
            (search, cell, seed, count, f"{seconds:.2f}", starts) for seed, (count, seconds, starts) in enumerate(rows)
        ]
    if options.out:
        with open(options.out, "w", newline="") as file:
            table_file = csv.writer(file)
            table_file.writerow(("search", "cell", "seed", "evaluations", "CPU seconds", "starts of 625"))
            table_file.writerows(written)


if __name__ == "__main__":
    main()
