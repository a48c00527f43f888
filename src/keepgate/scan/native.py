"""The native engine under torch: the core, which knows nothing of torch, as an engine that has every derivative."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import engine
from keepgate.scan.arguments import Arguments, Result, widths
from keepgate.scan.buffers import Spec
from keepgate.scan.functions import differentiable_scan

__all__ = ["missing", "refuses", "scan"]

DTYPES = (torch.float32, torch.float64)


def missing() -> str | None:
    """Return why this machine cannot run the engine, or None."""
    return core.missing()


def refuses(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> str | None:
    """Return why the core cannot run this, or None."""
    if arguments.x.device.type != "cpu":
        return f"the input is on {arguments.x.device}, and the core runs on the CPU"
    if arguments.x.dtype not in DTYPES:
        return f"the core computes in float32 and float64, not in {arguments.x.dtype}"
    if arguments.recompute and torch.compiler.is_compiling():
        return "a compiled graph holds what it keeps, so that the core cannot recompute"
    if unknown := [name for name in arguments.record if name not in equations.new]:
        return f"the core records states, not the value {unknown[0]}"
    return None


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time on the native core."""
    if torch.compiler.is_compiling():
        from keepgate.scan import compiled

        return compiled.scan(equations, parameters, arguments)
    a = arguments
    made = engine(equations, a.x.shape[-1], widths(equations, parameters, a)["hidden"])
    threads = core.threads(torch.get_num_threads())
    spec = Spec(equations, made, tuple(parameters), a.reverse, a.seed, a.record, threads, a.recompute)
    states = [a.state[name] for name in made.states]
    given = [a.step_inputs[name] for name in made.step_inputs]
    results = differentiable_scan(spec, (a.lengths, a.reset, a.x, *states, *given, *parameters.values()))
    count = len(a.record)
    final = dict(zip(made.states, results[count : spec.result_count], strict=True))
    return Result(dict(zip(a.record, results, strict=False)), final)
