"""Evolution: networks that learn from their fitness alone, without a gradient.

    import numpy as np
    from keepgate.training.evolution import SNES, evolve

    def fitness(population, generation):                # [P, N] float32 -> P numbers, the higher the better
        return -np.square(population - 1).sum(1)

    result = evolve(SNES(np.zeros(10)), fitness, generations=200)
    result.center, result.rows[-1]["best"]

An algorithm is one file, and a driver runs them all: `ask` for a population, `tell` it the fitness. Whatever is random
is a function of seed and generation, so that processes exchange fitness alone and a killed run goes on to the same
bits. With `run` the folder gets `metrics.jsonl` and a checkpoint; `processes=3`, or `torchrun`, divides the work and
changes no bit of the result. No torch here, unless torchrun started the process.
"""

from keepgate.training.evolution.algorithm import Algorithm
from keepgate.training.evolution.cma_es import CMAES
from keepgate.training.evolution.cosyne import CoSyNE
from keepgate.training.evolution.driver import Evolution, evolve
from keepgate.training.evolution.esp import ESP
from keepgate.training.evolution.genetic import Genetic
from keepgate.training.evolution.ng import Nevergrad
from keepgate.training.evolution.openai_es import OpenAIES
from keepgate.training.evolution.pgpe import PGPE
from keepgate.training.evolution.snes import SNES

__all__ = [
    "CMAES",
    "ESP",
    "PGPE",
    "SNES",
    "Algorithm",
    "CoSyNE",
    "Evolution",
    "Genetic",
    "Nevergrad",
    "OpenAIES",
    "evolve",
]
