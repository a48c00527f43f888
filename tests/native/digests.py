"""Print, as JSON, a digest of everything that scans give, case by case: the same numbers give the same digest.

Run under a forced instruction set or with poisoned memory; the number of threads is varied here.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from conformance.cells import CELLS
from keepgate.native import Population, instruction_set, pool
from keepgate.nn import LSTM
from keepgate.scan import ENGINES
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Outcome, Problem, Setting, problem

NAMES = (
    "lstm",
    "gru",
    "peephole_lstm",
    "layer_norm(lstm)",
    "zoneout(lstm, 0.25)",
    "time_aware_lstm",
    "multiplicative_lstm",
    "everything",
)
PAIRED = ("lstm", "gru", "everything")  # with products of bfloat16 too
LENGTHS = (47, 3, 0, 46, 47, 1, 20, 33, 40, 7, 39, 40, 12)
WIDE = Setting(steps=47, batch=13, inputs=5, hidden=33)
# All but the small one have work for several threads, which share the rows where there are many, else the units of
# wide layers, else the steps.
SETTINGS = {
    "small": Setting(steps=3, batch=2, inputs=1, hidden=1),
    "many rows": WIDE,
    "lengths and resets": replace(WIDE, lengths=LENGTHS, resets=True),
    "lengths and resets, reverse": replace(WIDE, lengths=LENGTHS, resets=True, reverse=True),
    "few rows": Setting(steps=150, batch=3, inputs=17, hidden=33),
    "wide, few rows": Setting(steps=6, batch=3, inputs=9, hidden=130, lengths=(6, 2, 5)),
    "one row, reverse": Setting(steps=530, batch=1, inputs=3, hidden=31, reverse=True),
}
THREADS = (1, 2, 3)
PARTS = (slice(0, 1), slice(1, 5), slice(5, 13))


def main() -> None:
    if "KEEPGATE_POISON" in os.environ:
        torch.use_deterministic_algorithms(True)  # what torch allocates begins as NaN as well
    torch.set_num_threads(1)
    before = len(os.listdir("/proc/self/task"))
    digests, most = {}, before
    for case, tried in cases():
        for threads in THREADS:
            os.environ["KEEPGATE_THREADS"] = str(threads)
            digests[f"{case}, {threads} threads"] = digest(tensors(differentiate(ENGINES["native"].run, tried)))
            most = max(most, len(os.listdir("/proc/self/task")))
        if tried.arguments.x.shape[1] == WIDE.batch and tried.arguments.seed is None:
            digests[f"{case}, in parts"] = digest(in_parts(tried))
    digests |= {f"steps, {storage}": digest({"output": steps(storage)}) for storage in ("full", "bfloat16", "int8")}
    digests["a population"] = digest({"outputs": population()})
    print(json.dumps({"set": instruction_set(), "pool": pool(), "workers": most - before, "digests": digests}))


def steps(storage: str) -> torch.Tensor:
    """Return some outputs of a stream with weights stored so."""
    torch.manual_seed(0)
    stream = LSTM(17, 33).stream(batch=5, storage=storage)
    return torch.stack([stream.step(x) for x in torch.randn(9, 5, 17)])


def population() -> torch.Tensor:
    """Return some outputs of networks that step together."""
    numbers = np.random.default_rng(0)
    networks = Population(CELLS["layer_norm(lstm)"].equations, 5, 19, 3, networks=7, rows=5, squash="tanh")
    networks.load(numbers.standard_normal((7, networks.size)) / 4)
    return torch.stack([torch.from_numpy(networks.step(x)) for x in numbers.random((4, 7, 5, 5), np.float32)])


def cases() -> Iterator[tuple[str, Problem]]:
    for name in NAMES:
        for label, setting in SETTINGS.items():
            for dtype in (torch.float32, torch.float64):
                seed = 7 if name.startswith("zoneout") else None
                case = f"{name}, {label}, {str(dtype).removeprefix('torch.')}"
                tried = problem(case, CELLS[name].equations, replace(setting, dtype=dtype, seed=seed))
                yield case, tried
                if dtype is torch.float32 and name in PAIRED:
                    yield f"{case}, pairs", replace(tried, arguments=replace(tried.arguments, storage="pairs"))


def tensors(outcome: Outcome) -> dict[str, torch.Tensor]:
    """Return all that a scan gives, by name; what has a row for each sequence first."""
    final = {f"final {name}": value for name, value in outcome.final.items()}
    gradients = {f"gradient of {name}": value for name, value in outcome.gradients.items()}
    return {"output": outcome.output} | final | gradients


def in_parts(tried: Problem) -> dict[str, torch.Tensor]:
    """Return what a scan gives for each sequence, from scans of a few sequences at a time."""
    per_step = {"output", "gradient of x", *(f"gradient of {name}" for name in tried.arguments.step_inputs)}
    parts = [tensors(differentiate(ENGINES["native"].run, part(tried, rows))) for rows in PARTS]
    return {
        name: torch.cat([found[name] for found in parts], 1 if name in per_step else 0)
        for name in parts[0]
        if name in per_step or name.startswith(("final ", "gradient of initial "))
    }


def part(tried: Problem, rows: slice) -> Problem:
    a = tried.arguments
    arguments = replace(
        a,
        x=a.x[:, rows],
        state={name: value[rows] for name, value in a.state.items()},
        step_inputs={name: value[:, rows] for name, value in a.step_inputs.items()},
        lengths=None if a.lengths is None else a.lengths[rows],
        reset=None if a.reset is None else a.reset[:, rows],
    )
    final = {name: value[rows] for name, value in tried.d_final.items()}
    return replace(tried, arguments=arguments, d_output=tried.d_output[:, rows], d_final=final)


def digest(values: dict[str, torch.Tensor]) -> dict[str, str]:
    for name, value in values.items():
        if not value.isfinite().all():
            raise SystemExit(f"{name} is not finite")
    return {name: hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest() for name, value in values.items()}


if __name__ == "__main__":
    main()
