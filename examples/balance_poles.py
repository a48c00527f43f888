"""Recurrent networks that balance poles whose velocities are hidden, found by evolution alone.

    python examples/balance_poles.py single --seeds 10
    python examples/balance_poles.py double --search cmaes --cell rnn --runs 50

Single: an LSTM on CartPole without velocities; solved once the mean policy balances all of 1,000 fresh starts for 500
steps. Double: two poles, the damping fitness, no velocities; solved once the best network of a generation balances
for 100,000 steps and from at least 200 of the 625 starts that generalisation is measured by. The output is that of the
first unit.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from poles import CartPole, DoublePole, balanced, damped, lasts

from keepgate.cells import get
from keepgate.population import Population
from keepgate.training.evolution import CMAES, SNES, CoSyNE, evolve

FRESH = 1000
SEARCHES = {
    "cmaes": lambda size, seed: CMAES(np.zeros(size), spread=1.0, population=13, seed=seed),
    "cosyne": lambda size, seed: CoSyNE(np.zeros(size), spread=3.0, population=20, mutation=0.3, seed=seed),
    "snes": lambda size, seed: SNES(np.zeros(size), spread=1.0, population=24, seed=seed),
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
        random = np.random.default_rng([seed, generation])
        found = balanced(population, CartPole(CartPole.starts(random, len(policies), rows)), CartPole.steps)
        steps += int(found.sum())
        return found.mean(1)

    worst = 0

    def solved(row, _) -> bool:
        nonlocal worst
        if row["center"] < CartPole.steps:
            return False
        one.load(search.center[None].astype(np.float32))
        fresh = CartPole.starts(np.random.default_rng([10**6 + seed, search.generation]), 1, FRESH)
        worst = int(balanced(one, CartPole(fresh), CartPole.steps).min())
        return worst == CartPole.steps

    search = SNES(np.zeros(one.size), spread=0.5, population=networks, seed=seed)
    began = time.process_time()
    rows_found = evolve(search, fitness, limit, until=solved).rows
    return time.process_time() - began, rows_found[-1]["evaluations"], steps, worst


def double(seed: int, search: str, cell: str, units: int, most: int = 20_000):
    """Return evaluations and CPU seconds until it is solved (or `most`), and the starts that are generalised to."""
    equations, made = get(cell).equations, {}
    general, best = Population(equations, 3, units, 0, 1, 625), 0

    def fitness(policies: np.ndarray, generation: int) -> np.ndarray:
        population = made.setdefault(len(policies), Population(equations, 3, units, 0, len(policies)))
        population.load(policies)
        found, fitness.steps = damped(population, DoublePole(DoublePole.usual(len(policies))))
        return found

    def solved(row, champion: np.ndarray) -> bool:
        nonlocal best
        if fitness.steps.max() < DoublePole.steps:
            return False
        general.load(champion[None])
        starts = balanced(general, DoublePole(DoublePole.generalisation()), DoublePole.steps)
        count = int((starts == DoublePole.steps).sum())
        best = max(best, count)
        return count >= 200 and lasts(equations, units, champion, 100_000)

    algorithm = SEARCHES[search](Population(equations, 3, units, 0, 1).size, seed)
    began = time.process_time()
    rows = evolve(algorithm, fitness, most // algorithm.population, until=solved, center_every=0).rows
    return rows[-1]["evaluations"], time.process_time() - began, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("single", "double"))
    parser.add_argument("--runs", "--seeds", type=int, default=10)
    parser.add_argument("--search", choices=SEARCHES, default="cmaes")
    parser.add_argument("--cell", default=None)
    parser.add_argument("--units", type=int, default=None)
    options = parser.parse_args()
    if options.task == "single":
        found = np.array([single(s, options.cell or "lstm", options.units or 16) for s in range(options.runs)])
        for name, column in zip(("CPU seconds", "policies", "steps", "worst of 1,000 starts"), found.T, strict=True):
            print(f"{name}: median {np.median(column):,.2f}, least {column.min():,.2f}, most {column.max():,.2f}")
        return
    rows = []
    for seed in range(options.runs):
        rows.append(double(seed, options.search, options.cell or "rnn", options.units or 3))
        print(f"run {seed}: {rows[-1][0]:,} evaluations, {rows[-1][1]:.1f} s, {rows[-1][2]} of 625 starts", flush=True)
    evaluations, seconds, _ = np.array(rows).T
    print(
        f"{options.search}, {options.cell or 'rnn'}: median {np.median(evaluations):,.0f} evaluations, worst "
        f"{evaluations.max():,.0f}; median {np.median(seconds):.1f} s"
    )


if __name__ == "__main__":
    main()
