"""The native engine while a compiler looks on; imported only then, for the compiler takes a second to import."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.scan import operators
from keepgate.scan.arguments import Arguments, Result
from keepgate.scan.autograd import Results, differentiable_scan
from keepgate.scan.torch_private import tracing

__all__ = ["scan"]


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time as one node of the compiler's graph."""
    a = arguments
    state = [a.state[name] for name in equations.states]
    given = [a.step_inputs[name] for name in equations.step_inputs]
    fixed = (tuple(parameters), a.reverse, a.record, a.storage)
    results = _scan(_text_of(equations), *fixed, a.seed, a.lengths, a.reset, a.x, state, given, [*parameters.values()])
    recorded, final = results[: len(a.record)], results[len(a.record) :]
    return Result(dict(zip(a.record, recorded, strict=True)), dict(zip(equations.states, final, strict=True)))


@torch.compiler.assume_constant_result
def _text_of(equations: Equations) -> str:
    return operators.text_of(equations)


@torch.compiler.allow_in_graph
def _scan(
    text: str,
    names: tuple[str, ...],
    reverse: bool,
    record: tuple[str, ...],
    storage: str,
    seed: Tensor | None,
    lengths: Tensor | None,
    reset: Tensor | None,
    x: Tensor,
    state: list[Tensor],
    given: list[Tensor],
    values: list[Tensor],
) -> Results:
    """Run what `scan` runs, on what a compiler puts into a graph: tensors, text and lists of them."""
    what = (seed, text, names, reverse, record, storage)
    spec = operators.spec_of((lengths, reset, x, *state, *given, *values), *what)
    inputs = dict(zip(spec.equations.step_inputs, given, strict=True))
    tensors = (lengths, reset, x, *state, *(inputs[name] for name in spec.backend.step_inputs), *values)
    if tracing():
        return operators.run_traced(spec, text, tensors)
    if torch.compiler.is_exporting():  # a program without gradients, which must say so: see `operators`
        return spec.backend.run_forward(spec, False, (), tensors)
    return differentiable_scan(spec, tensors)[: spec.result_count]
