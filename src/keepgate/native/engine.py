"""The native core from Python: which instruction set, how many threads, and an `Engine` for each cell and size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np

from keepgate.equations import Equations, compile_program, noise
from keepgate.errors import BackendError, InputError
from keepgate.native.plan import plan

try:
    from keepgate.native import _core  # type: ignore[reportMissingModuleSource]
except ImportError as error:  # a source tree whose core is not built
    _core: Any = None
    _reason = f"the native core is not built ({error}); run: pip install ."
else:
    _reason = None

__all__ = ["Engine", "instruction_set", "missing", "pool", "threads"]

MOST_THREADS = 1024
POOLS = ("own", "openmp")
STORAGES = ("full", "bfloat16", "int8", "pairs")  # in the order of the core's enumeration (include/keepgate/kernels.h)
HELD_STORAGES = STORAGES[:3]  # of weights that are packed once; "pairs" are for training: see `scan.Arguments`


@cache
def instruction_set() -> str:
    """Return the instruction set in use: the one that `KEEPGATE_CPU` names, else the best of this machine.

    Raises:
        BackendError: the core is not built, or `KEEPGATE_CPU` names a set that this machine or build lacks.
    """
    if _core is None:
        raise BackendError(_reason)
    sets = dict(_core.instruction_sets())
    forced = os.environ.get("KEEPGATE_CPU")
    if forced and not sets.get(forced):
        able = ", ".join(name for name, here in sets.items() if here)
        why = "this machine does not have it" if forced in sets else "no such instruction set is built"
        raise BackendError(f"KEEPGATE_CPU={forced}: {why}; there are {able}")
    name = forced or next(name for name, here in sets.items() if here)
    _core.choose(name)
    return name


def missing() -> str | None:
    """Return why the core cannot run here, or None."""
    return _reason


@cache
def pool() -> str:
    """Return whose threads the core runs on, as `KEEPGATE_POOL` says: "openmp" or "own".

    By default that is the OpenMP runtime that the process has loaded, torch's where torch is imported; else the core
    starts threads of its own. It is chosen at the first use. A forked child always has threads of its own. The results
    are the same to the bit.

    Raises:
        BackendError: the core is not built, or `KEEPGATE_POOL` asks for an OpenMP runtime and none is loaded.
        InputError: `KEEPGATE_POOL` names no pool.
    """
    if _core is None:
        raise BackendError(_reason)
    forced = os.environ.get("KEEPGATE_POOL")
    if forced and forced not in POOLS:
        raise InputError(f"KEEPGATE_POOL is one of {', '.join(POOLS)}, got {forced!r}")
    if _core.choose_pool(forced != "own"):
        return "own" if forced == "own" else "openmp"
    if forced == "openmp":
        raise BackendError(
            "KEEPGATE_POOL=openmp: this process has loaded no OpenMP runtime (libgomp, libiomp5 or libomp, on Linux); "
            "import torch first, or unset it"
        )
    return "own"


def openmp_library() -> str:
    """Return the path of the OpenMP runtime on whose threads the core runs, or an empty text."""
    return _core.openmp_library() if pool() == "openmp" else ""


def threads(default: int | None = None) -> int:
    """Return the number of threads: `KEEPGATE_THREADS`, else `default`, else the processors of this process.

    Raises:
        BackendError: `KEEPGATE_POOL` asks for what is not there; see `pool`.
        InputError: `KEEPGATE_THREADS` is no integer from 1 to 1024, or `KEEPGATE_POOL` names no pool.
    """
    if _core is not None:
        pool()
        if not _core.in_environment("KEEPGATE_THREADS"):  # Python takes a microsecond to look
            return default or _processors()
    text = os.environ.get("KEEPGATE_THREADS")
    if not text:
        return default or _processors()
    if not text.isdecimal() or not 1 <= int(text) <= MOST_THREADS:
        raise InputError(f"KEEPGATE_THREADS is a number of threads from 1 to {MOST_THREADS}, got {text!r}")
    return int(text)


def _processors() -> int:
    """Return the number of processors of this process; of the machine where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Engine:
    """The equations of a cell at given sizes, ready to run; use `engine` to share them.

    Attributes:
        plan: the core's plan.
        states, blocks, biases, vectors, step_inputs: names, in the order in which the core takes their buffers.
        kept_widths: widths of the values that the tape holds.
        reads_x: whether the cell has a gradient for its input.
    """

    def __init__(self, equations: Equations, input_size: int, hidden_size: int) -> None:
        instruction_set()
        program = compile_program(equations)
        numbers = plan(program, input_size, hidden_size)
        self.plan = _core.Plan(numbers)
        self.states = tuple(program.states)
        self.widths = tuple(numbers["state_widths"])
        self.blocks, self.biases = tuple(program.blocks), tuple(program.biases)
        named = [(v.kind, v.attrs[0]) for v in program.values if v.kind in ("vector", "step_input", "bernoulli")]
        self.vectors = tuple(dict.fromkeys(name for kind, name in named if kind == "vector"))
        self.step_inputs = tuple(dict.fromkeys(name for kind, name in named if kind == "step_input"))
        self.streams = sum(kind == "bernoulli" for kind, _ in named)
        self.reads_x = program.x is not None
        self.kept_widths = tuple(numbers["values"][number][1] for number in program.kept)

    def keys(self, seed: int | None) -> list[int]:
        """Return the keys of the streams of random bits."""
        return [noise.stream_key(seed or 0, stream) for stream in range(self.streams)]


@lru_cache(maxsize=256)
def engine(equations: Equations, input_size: int, hidden_size: int) -> Engine:
    """Return the engine of a cell at given sizes, made once."""
    return Engine(equations, input_size, hidden_size)


def bernoulli(key: int, rows: int, units: int, rate: float) -> np.ndarray:
    """Return [rows, units] of 0 and 1 in float32: the bits of `keepgate.equations.noise.bernoulli` at step 0."""
    instruction_set()
    bits = np.empty((rows, units), np.float32)
    _core.bernoulli(key, rows, units, int(rate * 2.0**32), bits.ctypes.data)
    return bits


def stepper(made: Engine, double: bool, parameters: Mapping[str, np.ndarray], batch: int, storage: str) -> Any:
    """Return a stepper of the core; the parameters, dense and of its dtype, may be freed afterwards."""
    make = _core.stepper_double if double else _core.stepper_single
    at = {name: value.ctypes.data for name, value in parameters.items()}
    weights = [at[f"weight_{block}"] for block in made.blocks]
    biases = [at.get(f"bias_{block}", 0) for block in made.biases]
    vectors = [at[name] for name in made.vectors]
    return make(made.plan, weights, biases, vectors, batch, threads(), STORAGES.index(storage))


def population(numbers: dict[str, Any], double: bool, networks: int, rows: int, output: int) -> Any:
    """Return a population of the core; `numbers`: of its plan; `output`: the value that a step gives."""
    make = _core.PopulationDouble if double else _core.PopulationSingle
    return make(_core.Plan(numbers), networks, rows, output, threads())


def stepper_stack(reader: Any, double: bool, steppers: list[Any]) -> Any:
    """Return steppers one above the other; `reader`: of tensors."""
    make = _core.StepperStackDouble if double else _core.StepperStackSingle
    return make(reader, steppers)
