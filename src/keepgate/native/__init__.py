"""The native core: the staged program of any cell at the speed of the machine, on plain buffers; no torch.

`KEEPGATE_CPU` forces an instruction set (`avx512`, `avx2`, `plain`, `neon`) and fails if it cannot;
`KEEPGATE_THREADS` sets the number of threads, `KEEPGATE_POOL` (`own`, `openmp`) whose they are.
"""

from keepgate.native.engine import Engine, instruction_set, missing, openmp_library, pool, threads
from keepgate.native.plan import plan
from keepgate.native.population import Population
from keepgate.native.predictor import Predictor
from keepgate.native.stepper import Stepper

__all__ = [
    "Engine",
    "Population",
    "Predictor",
    "Stepper",
    "instruction_set",
    "missing",
    "openmp_library",
    "plan",
    "pool",
    "threads",
]
