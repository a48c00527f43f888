"""Random cells on the native engine: values and all gradients as the reference has them, whatever the setting.

Cells are the recipes of `conformance.random_cells`; sizes may be nothing at all. A share of the cases is held against
the symbolic gradient in NumPy too. Where a result is beyond the tolerance, the reference is asked how far its own goes
when all that goes in is moved by some rounding errors: a cell may divide a small number by a smaller one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from conformance.random_cells import ENDS, KINDS, RandomCell
from fuzz.harness import Wrong
from keepgate.scan import ENGINES, buffers
from keepgate.testing.engines import differentiate
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Outcome, Problem, Setting, problem
from keepgate.testing.tolerances import TOLERANCE, error

SHIFTS, SHIFT = 3, 16  # times that all inputs are moved, and by how many rounding errors
MARGIN = 10  # of what a result then moves by: steps in between round too
SEGMENT = buffers.SEGMENT_ROWS
DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Bounds of sizes: small ones; those that several threads share, by rows or by units.
SIZES = {
    "small": {"steps": (0, 6), "batch": (0, 5), "inputs": (0, 5), "hidden": (1, 9)},
    "rows": {"steps": (20, 30), "batch": (9, 14), "inputs": (0, 9), "hidden": (30, 40)},
    "units": {"steps": (12, 16), "batch": (1, 3), "inputs": (1, 9), "hidden": (129, 140)},
}


def prepare() -> None:
    torch.set_num_threads(1)  # of the reference


def draw(random: Random) -> dict[str, Any]:
    size = random.choices(list(SIZES), (40, 2, 1))[0]
    sizes = {name: random.randint(*bounds) for name, bounds in SIZES[size].items()}
    whole = random.random() < 0.3
    steps = sizes["steps"]
    lengths = [random.randint(0, steps) for _ in range(sizes["batch"])]
    return {
        "recipe": _rows(random, KINDS, random.randint(0, 12)),
        "ends": _rows(random, ENDS, random.randint(1, 3)),
        "setting": {
            **sizes,
            "dtype": random.choice(list(DTYPES)),
            "lengths": None if whole or random.random() < 0.4 else lengths,
            "resets": not whole and random.random() < 0.6,
            "reverse": random.random() < 0.5,
            "seed": random.choice([None, random.getrandbits(31)]),
            "bias": random.random() < 0.7,
            "strided": random.random() < 0.3,
        },
        "nan_padding": random.random() < 0.2,
        "segment": random.choice([None, None, 1, 2, 7]),
        "threads": random.randint(1, 3),
        "second": random.random() < 0.2,
    }


def _rows(random: Random, kinds: dict[str, Any], count: int) -> list[list[Any]]:
    return [[random.choice(list(kinds)), *(random.randrange(10) for _ in range(3))] for _ in range(count)]


def check(case: dict[str, Any]) -> None:
    tried = problem_of(case)
    if reason := ENGINES["native"].refuses(tried.equations, tried.parameters, tried.arguments):
        raise Wrong(f"refused: {reason}")
    got, exact = differentiate(scan_of(case), tried), in_double(tried)
    wanted = differentiate(ENGINES["reference"].run, exact)
    compare(got, wanted, lambda: moves(exact, wanted, tried.arguments.x.dtype))
    if case["second"] and tried.arguments.seed is None:  # it walks rows alone, so that it has other random bits
        compare(got, solve(tried), lambda: moves(exact, wanted, tried.arguments.x.dtype))


def problem_of(case: dict[str, Any]) -> Problem:
    given = dict(case["setting"])
    lengths = None if given["lengths"] is None else tuple(given["lengths"])
    padding = torch.nan if case["nan_padding"] and lengths is not None else None
    setting = Setting(**given | {"dtype": DTYPES[given["dtype"]], "lengths": lengths, "padding": padding})
    cell = RandomCell([tuple(row) for row in case["recipe"]], [tuple(row) for row in case["ends"]])
    tried = problem("fuzz", cell.equations, setting)
    return replace(tried, arguments=replace(tried.arguments, recompute=case["segment"] is not None))


def scan_of(case: dict[str, Any]) -> Callable[..., Any]:
    """Return the native engine as the case wants it."""

    def scan(*arguments: Any) -> Any:
        os.environ["KEEPGATE_THREADS"] = str(case["threads"])
        buffers.SEGMENT_ROWS = case["segment"] or SEGMENT
        return ENGINES["native"].run(*arguments)

    return scan


def in_double(tried: Problem, change: Callable[[Tensor], Tensor] = Tensor.double) -> Problem:
    """Return a problem with every tensor of numbers changed, by default to float64."""

    def all_of(values: Any) -> dict[str, Tensor]:
        return {name: change(value) for name, value in values.items()}

    a = tried.arguments
    arguments = replace(a, x=change(a.x), state=all_of(a.state), step_inputs=all_of(a.step_inputs), recompute=False)
    return replace(
        tried,
        parameters=all_of(tried.parameters),
        arguments=arguments,
        d_output=tried.d_output.double(),
        d_final={name: value.double() for name, value in tried.d_final.items()},
    )


def tensors(outcome: Outcome) -> dict[str, Tensor]:
    final = {f"final {name}": value for name, value in outcome.final.items()}
    gradients = {f"gradient of {name}": value for name, value in outcome.gradients.items()}
    return {"output": outcome.output} | final | gradients


def compare(got: Outcome, wanted: Outcome, moves: Callable[[], dict[str, float]]) -> None:
    found, right = tensors(got), tensors(wanted)
    if set(found) != set(right):
        raise Wrong(f"gives {sorted(found)}, the reference {sorted(right)}")
    for name, value in found.items():
        if value.shape != right[name].shape:
            raise Wrong(f"{name} is {tuple(value.shape)}, wanted {tuple(right[name].shape)}")
    errors = {name: error(value, right[name]) for name, value in found.items()}
    beyond = {name: e for name, e in errors.items() if e > TOLERANCE[found[name].dtype]}
    if beyond and (bounds := moves()) and (wrong := {n: e for n, e in beyond.items() if e > MARGIN * bounds[n]}):
        raise Wrong(", ".join(f"{n}: error {e:.1e}, which rounding moves by {bounds[n]:.1e}" for n, e in wrong.items()))


def moves(exact: Problem, wanted: Outcome, dtype: torch.dtype) -> dict[str, float]:
    """Return how far each result of the reference goes when all inputs are moved by `SHIFT` rounding errors."""
    generator = torch.Generator().manual_seed(0)
    size = SHIFT * torch.finfo(dtype).eps
    right, most = tensors(wanted), dict.fromkeys(tensors(wanted), 0.0)

    def moved(value: Tensor) -> Tensor:
        return value * (1 + size * torch.randn(value.shape, generator=generator, dtype=torch.float64))

    for _ in range(SHIFTS):
        for name, value in tensors(differentiate(ENGINES["reference"].run, in_double(exact, moved))).items():
            most[name] = max(most[name], error(value, right[name]))
    return most
