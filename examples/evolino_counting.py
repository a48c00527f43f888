"""The language a^n b^n c^n by Evolino (Schmidhuber et al. 2007): cells are evolved, outputs are support vectors.

    python examples/evolino_counting.py --train 10 --seeds 10
    python examples/evolino_counting.py --train 40 --seeds 10

The network reads "S", then the string symbol by symbol, and says at each step which symbols can follow, "T" being the
end; a string is accepted if all that it says is right. Strings of n = 1 to `train` are learned. A network of the
search is judged by what it says of all of them after its outputs were solved for the shorter ones, once for each of a
few lengths; the best one's outputs are then solved for all. The score is the largest N such that every n from 1 to N is
accepted.

Cells that count hold what they have: their forget gates begin at a bias of 20. What they add for a symbol is small, so
that tanh does not bend the count, and what the cells say weighs less still in it, so that the count does not feed on
itself; their other gates may open for some symbols and close for others. Of networks drawn so, one of the first twenty
mostly passes already.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.optimize import nnls

from keepgate.cells import get
from keepgate.population import Population
from keepgate.training.evolution import SNES, evolve

EQUATIONS = get("lstm").equations  # its gates are i, f, g, o
READ, SAID = "Sabc", "abcT"
BIAS = 10.0  # of a machine, before its weight: so large that the margin is hardly that of the bias
DEVIATION = {"i": 1.0, "f": 1.0, "g": 1e-5, "o": 3.0}  # of the weights of the input and of the biases, by gate
SEEN = 1e-3  # of these, the deviation of the weights of what the cells said before
LEAST = 1e-9  # of what is left of a problem that has a solution, in squares
SPLITS, ENOUGH = 4, 0.999  # lengths up to which outputs are solved in the search; of the margin of 1 that is learned
HELD = 20.0  # bias of the forget gates of cells that count; of every third cell it is minus that


def strings(lengths: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is read [T, K, 4], what can follow [T, K, 4], and which steps there are [T, K], of a^n b^n c^n."""
    steps = 3 * max(lengths) + 1
    read, said = np.zeros((steps, len(lengths), 4)), np.zeros((steps, len(lengths), 4), bool)
    for k, n in enumerate(lengths):
        text = "S" + "a" * n + "b" * n + "c" * n
        follow = ["a", *["ab"] * n, *["b"] * (n - 1), *["c"] * n, "T"]
        for t, (symbol, symbols) in enumerate(zip(text, follow, strict=True)):
            read[t, k, READ.index(symbol)] = 1.0
            said[t, k, [SAID.index(one) for one in symbols]] = True
    return read, said, np.asarray(read.any(2))


class Counters:
    """Networks of so many cells, and how their outputs are solved."""

    def __init__(self, cells: int):
        self.cells = cells
        one = self.population(1, 1)
        self.center, self.deviation = np.zeros(one.size), np.zeros(one.size)
        for name in ("weight_ih", "bias_ih"):
            for gate, places in zip("ifgo", np.split(one.places(name), 4), strict=True):
                self.deviation[places] = DEVIATION[gate]
        for gate, places in zip("ifgo", np.split(one.places("weight_hh"), 4), strict=True):
            self.deviation[places] = SEEN * DEVIATION[gate]
        held = np.where(np.arange(cells) % 3 == 2, -HELD, HELD)
        self.center[np.split(one.places("bias_ih"), 4)[1]] = held

    def population(self, networks: int, rows: int) -> Population:
        """Return a population of such networks."""
        return Population(EQUATIONS, 4, self.cells, 0, networks, rows, np.float64)

    def states(self, weights: np.ndarray, read: np.ndarray) -> np.ndarray:
        """Return the outputs of the cells, [T, P, K, H]."""
        networks = self.population(len(weights), read.shape[1])
        networks.load(self.center + self.deviation * weights)
        found = np.empty((len(read), len(weights), read.shape[1], self.cells))
        for step, row in zip(read, found, strict=True):
            networks.step(np.tile(step, (len(weights), 1, 1)), row)
        return found


def solved(states: np.ndarray, said: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return weights and bias of each of the four outputs, from states [T, H] and what they shall say [T, 4].

    They are support vector machines of a hard margin: the smallest weights w with y (w x + b) >= 1 for every step. That
    is a problem of least distance, whose exact solution Lawson & Hanson 1974, chapter 23, get from a non-negative least
    squares. Iterative solvers do not come that far: counts are told apart by a thousandth of their range. Where no
    weights divide the steps, the output is 0.
    """
    mean, scale = states.mean(0), states.std(0)
    scale[scale == 0] = 1.0
    rows, found = np.append((states - mean) / scale, np.full((len(states), 1), BIAS), 1), []
    for truth in said.T:
        signed = np.unique(rows * np.where(truth, 1, -1)[:, None], axis=0)
        problem = np.append(signed, np.ones((len(signed), 1)), 1).T
        wanted = np.eye(len(problem))[-1]
        rest = wanted - problem @ nnls(problem, wanted)[0]
        weights = -rest[:-1] / rest[-1] if rest[-1] > LEAST else np.zeros(len(rest) - 1)
        inner = weights[:-1] / scale
        found.append((inner, float(weights[-1] * BIAS - inner @ mean)))
    return found


def outputs(machines: list[tuple[np.ndarray, float]], states: np.ndarray) -> np.ndarray:
    """Return the outputs [..., 4]; above 0 a symbol can follow."""
    return np.stack([states @ weights + bias for weights, bias in machines], -1)


def search(counters: Counters, train: int, seed: int, generations: int, networks: int):
    """Return the best network found and its outputs' machines."""
    lengths = list(range(1, train + 1))
    read, said, real = strings(lengths)
    ends = np.linspace(min(train, max(2, train // 4)), max(train - 1, 1), SPLITS).round()
    parts = [real & (np.array(lengths) <= end) for end in np.unique(ends)]

    def right(states: np.ndarray, part: np.ndarray) -> float:
        """Return the least margin of all that outputs say that were solved for a part; 1 at most."""
        margins = np.where(said, 1, -1) * outputs(solved(states[part], said[part]), states)
        return min(1.0, float(margins[real].min()))

    def fitness(weights: np.ndarray, _: int) -> np.ndarray:
        every = counters.states(weights, read).swapaxes(0, 1)
        return np.array([np.mean([right(states, part) for part in parts]) for states in every])

    size = counters.population(1, 1).size
    algorithm = SNES(np.zeros(size), spread=1.0, population=networks, seed=seed)
    best = evolve(algorithm, fitness, generations, center_every=0, until=lambda row, _: row["best"] > ENOUGH).best
    states = counters.states(best[None], read)[:, 0]
    return best, solved(states[real], said[real])


def accepted(counters: Counters, weights: np.ndarray, machines: list[tuple[np.ndarray, float]], most: int) -> int:
    """Return the largest N up to `most` such that every n from 1 to N is accepted."""
    for first in range(1, most + 1, 50):
        lengths = list(range(first, min(first + 50, most + 1)))
        read, said, real = strings(lengths)
        right = (outputs(machines, counters.states(weights[None], read)[:, 0]) > 0) == said
        wrong = ~(right.all(2) | ~real).all(0)
        if wrong.any():
            return lengths[int(wrong.argmax())] - 1
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=10, help="n of the longest string that is learned")
    parser.add_argument("--most", type=int, default=1000, help="n of the longest string that is tried")
    parser.add_argument("--cells", type=int, default=15)
    parser.add_argument("--generations", type=int, default=150, help="at most")
    parser.add_argument("--networks", type=int, default=20, help="of a generation")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    counters, found = Counters(options.cells), []
    for seed in range(options.seeds):
        began = time.process_time()
        best = search(counters, options.train, seed, options.generations, options.networks)
        found.append(accepted(counters, *best, options.most))
        print(f"seed {seed}: accepts 1 to {found[-1]}, {time.process_time() - began:.0f} s", flush=True)
    print(
        f"trained on 1 to {options.train}: median {np.median(found):.0f}, mean {np.mean(found):.0f}, least {min(found)}"
    )


if __name__ == "__main__":
    main()
