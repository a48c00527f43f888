"""Derivatives that backends do not compute, by the reference engine: of gradients, and in forward mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from keepgate.scan import reference
from keepgate.scan.arguments import Arguments
from keepgate.scan.autograd.backend import Results, Spec
from keepgate.scan.autograd.population import Population
from keepgate.scan.torch_private import allow_forward_mode

__all__ = ["closed", "push", "reference_gradient", "reference_scan", "vjp"]


def reference_scan(spec: Spec) -> Callable[..., Results]:
    """Return the scan on the reference engine as a function of its tensors."""

    def run(*tensors: Tensor) -> Results:
        lengths, reset, x, states, given, values = spec.split(tensors)
        arguments = Arguments(
            x,
            dict(zip(spec.backend.states, states, strict=True)),
            lengths,
            reset,
            dict(zip(spec.backend.step_inputs, given, strict=True)),
            spec.reverse,
            spec.seed,
            spec.record,
        )
        result = reference.scan(spec.equations, dict(zip(spec.names, values, strict=True)), arguments)
        return (*(result.recorded[name] for name in spec.record), *(result.state[name] for name in spec.backend.states))

    return run


def reference_gradient(spec: Spec, given: Sequence[int]) -> Callable[..., Results]:
    """Return the gradient on the reference engine, of the tensors of a scan and the `given` cotangents."""
    run = reference_scan(spec)

    def gradient(lengths: Tensor | None, reset: Tensor | None, *values: Tensor) -> Results:
        tensors, cotangents = values[: -len(given)], values[-len(given) :]
        outputs, pull = vjp(lambda *t: tuple(run(lengths, reset, *t)[i] for i in given), *tensors)
        return pull(tuple(c.expand_as(o) for c, o in zip(cotangents, outputs, strict=True)))

    return gradient


def closed(
    function: Callable[..., Results], population: Population | None, saved: Sequence[Any]
) -> tuple[Callable[..., Results], Sequence[Tensor]]:
    """Return a function as one of what has a derivative, and the values of that; lengths and resets are fixed."""
    whole = function if population is None else population.spread(function)
    return lambda *values: whole(*saved[:2], *values), saved[2:]


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return a function's results and its pullback, as `torch.func.vjp` without auxiliary results."""
    outputs, pull, *_ = torch.func.vjp(function, *primals)
    return outputs, pull


def push(function: Callable[..., Results], values: Sequence[Tensor], tangents: Sequence[Tensor | None]) -> Results:
    """Return the derivative of a function along tangents."""
    with allow_forward_mode():  # torch turns it off here, and so for enclosing transforms too
        primals = [forward_ad.unpack_dual(value).primal for value in values]
        moved = tuple(torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
        outputs, pull = vjp(function, *primals)
        # The pullback is linear: pulling back through it pushes forward.
        _, push = vjp(pull, tuple(torch.zeros_like(o) for o in outputs))
        return push(moved)[0]
