"""What the tests of processes and of killed searches run: `python searches.py FOLDER ALGORITHM [PROCESSES]`.

The fitness is a small recurrent network that has to remember its first input; every individual is computed alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from keepgate.store import write_model
from keepgate.training.evolution import CMAES, SNES, CoSyNE, OpenAIES, evolve

UNITS = 3
SIZE = UNITS * (UNITS + 1) + UNITS
MAKE = {
    "SNES": lambda: SNES(np.zeros(SIZE), population=10),
    "OpenAIES": lambda: OpenAIES(np.zeros(SIZE), population=10),
    "CoSyNE": lambda: CoSyNE(np.zeros(SIZE), population=10),
    "CMAES": lambda: CMAES(np.zeros(SIZE), population=10),
}
GENERATIONS = 60


def one(weights: np.ndarray, generation: int) -> float:
    x = np.random.default_rng(generation).standard_normal((4, 8))
    recurrent, outward = weights[: UNITS * (UNITS + 1)].reshape(UNITS, -1), weights[-UNITS:]
    h = np.zeros((4, UNITS))
    for t in range(8):
        h = np.tanh(np.einsum("bi,ui->bu", np.concatenate([h, x[:, t : t + 1]], 1), recurrent))
    return -float(np.square(np.einsum("bu,u->b", h, outward) - x[:, 0]).mean())


def fitness(population: np.ndarray, generation: int) -> list[float]:
    return [one(weights, generation) for weights in population]


def start(*command: object) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *map(str, command)], env=environment)


def run(*command: object) -> None:
    assert start(*command).wait(300) == 0


def main(folder: Path, name: str, processes: int = 1) -> None:
    found = evolve(MAKE[name](), fitness, GENERATIONS, run=folder / "run", processes=processes, checkpoint_seconds=0.0)
    center = {} if found.center is None else {"center": found.center}
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in found.rows]
    if os.environ.get("RANK", "0") == "0":
        write_model(folder / "found", {"rows": rows}, {"best": found.best, **center})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
