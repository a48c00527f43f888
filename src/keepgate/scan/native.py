"""The native engine under torch: autograd functions around the core, which knows nothing of torch.

The gradient of a scan is a function of its own, so that transforms apply to it too. What the core does not compute,
derivatives of derivatives and forward mode, comes from the reference. `vmap` folds into the batch where weights are
shared, and runs a population of networks in one call of the core where they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import engine
from keepgate.scan import reference
from keepgate.scan.arguments import Arguments, Result, widths
from keepgate.scan.buffers import Spec, run_backward, run_forward

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
    if unknown := [name for name in arguments.record if name not in equations.new]:
        return f"the core records states, not the value {unknown[0]}"
    return None


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time on the native core."""
    a = arguments
    made = engine(equations, a.x.shape[-1], widths(equations, parameters, a)["hidden"])
    spec = Spec(equations, made, tuple(parameters), a.reverse, a.seed, a.record, core.threads(torch.get_num_threads()))
    states = [a.state[name] for name in made.states]
    given = [a.step_inputs[name] for name in made.step_inputs]
    tensors = (a.x, *states, *given, *parameters.values())
    needs_grad = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    results = _apply(_Scan, spec, needs_grad, a.lengths, a.reset, *tensors)
    count = len(a.record)
    final = dict(zip(made.states, results[count : spec.result_count], strict=True))
    return Result(dict(zip(a.record, results, strict=False)), final)


def _reference(spec: Spec, lengths: Tensor | None, reset: Tensor | None) -> Callable[..., tuple[Tensor, ...]]:
    """Return the scan on the reference engine as a function of its tensors."""

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        x, states, given, values = spec.split(tensors)
        arguments = Arguments(
            x,
            dict(zip(spec.engine.states, states, strict=True)),
            lengths,
            reset,
            dict(zip(spec.engine.step_inputs, given, strict=True)),
            spec.reverse,
            spec.seed,
            spec.record,
        )
        result = reference.scan(spec.equations, dict(zip(spec.names, values, strict=True)), arguments)
        return (*(result.recorded[name] for name in spec.record), *(result.state[name] for name in spec.engine.states))

    return run


class _Scan(torch.autograd.Function):
    """One scan; returns the recorded states, the final states, then what its gradient needs."""

    @staticmethod
    def forward(
        spec: Spec, needs_grad: bool, lengths: Tensor | None, reset: Tensor | None, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        return run_forward([spec], needs_grad, lengths, reset, [tensors])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        spec, _, lengths, reset, *tensors = inputs
        ctx.spec, ctx.count = spec, len(tensors)
        stored = output[spec.result_count :]
        ctx.mark_non_differentiable(*stored)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(lengths, reset, *tensors, *stored)
        ctx.save_for_forward(lengths, reset, *tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        lengths, reset, *rest = ctx.saved_tensors
        tensors, stored = rest[: ctx.count], rest[ctx.count :]
        wanted = tuple(ctx.needs_input_grad[4:])
        given = cotangents[: ctx.spec.result_count]
        if all(cotangent is None for cotangent in given):
            return (None,) * (4 + ctx.count)
        if torch.is_grad_enabled() or _transforming():
            gradients = _apply(_Gradient, ctx.spec, wanted, lengths, reset, ctx.count, *tensors, *stored, *given)
        else:
            gradients = run_backward([ctx.spec], lengths, reset, [tensors], [stored], [given])[0]
        return (None, None, None, None, *(g if w else None for g, w in zip(gradients, wanted, strict=True)))

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        lengths, reset, *tensors = ctx.saved_tensors
        primals = [t.detach() for t in tensors]
        moved = [torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents[4:], strict=True)]
        outputs, pull = _vjp(_reference(ctx.spec, lengths, reset), *primals)
        # The pullback is linear: pulling back through it pushes forward.
        _, push = _vjp(pull, tuple(torch.zeros_like(o) for o in outputs))
        (forward,) = push(tuple(moved))
        stored = [None] * (len(ctx.spec.engine.states) + len(ctx.spec.engine.kept_widths))
        return (*forward, *stored)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        spec: Spec,
        needs_grad: bool,
        lengths: Tensor | None,
        reset: Tensor | None,
        *tensors: Tensor,
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        if in_dims[2] is not None or in_dims[3] is not None:
            raise NotImplementedError("vmap over lengths or resets: pass them in the batch instead")
        networks = _networks(in_dims[4:], tensors, info.batch_size)
        specs = [spec.again() for _ in networks]
        # Whether a gradient is wanted is not known below a transform: keep what it would need.
        results = run_forward(specs, True, lengths, reset, networks)
        spec.networks = specs
        return tuple(torch.stack(parts) for parts in zip(*results, strict=True)), (0,) * len(results[0])


class _Gradient(torch.autograd.Function):
    """The gradient of one scan, for every tensor that went in."""

    @staticmethod
    def forward(
        spec: Spec, wanted: tuple[bool, ...], lengths: Tensor | None, reset: Tensor | None, count: int, *rest: Any
    ) -> tuple[Tensor, ...]:
        tensors, stored, cotangents = _cut(spec, count, rest)
        return run_backward([spec], lengths, reset, [tensors], [stored], [cotangents])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        spec, _, lengths, reset, count, *rest = inputs
        tensors, _, cotangents = _cut(spec, count, rest)
        ctx.spec, ctx.count, ctx.rest = spec, count, len(rest)
        ctx.given = [c is not None for c in cotangents]
        ctx.save_for_backward(lengths, reset, *tensors, *(c for c in cotangents if c is not None))

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        lengths, reset, *saved = ctx.saved_tensors
        run = _reference(ctx.spec, lengths, reset)
        given = [i for i, is_given in enumerate(ctx.given) if is_given]

        def gradient(*values: Tensor) -> tuple[Tensor, ...]:
            outputs, pull = _vjp(lambda *t: tuple(run(*t)[i] for i in given), *values[: ctx.count])
            return pull(tuple(c.expand_as(o) for c, o in zip(values[ctx.count :], outputs, strict=True)))

        _, pull = _vjp(gradient, *saved)
        found = pull(cotangents)
        stored = ctx.rest - ctx.count - len(ctx.given)
        second = iter(found[ctx.count :])
        return (
            *(None,) * 5,
            *found[: ctx.count],
            *(None,) * stored,
            *(next(second) if is_given else None for is_given in ctx.given),
        )

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        spec: Spec,
        wanted: tuple[bool, ...],
        lengths: Tensor | None,
        reset: Tensor | None,
        count: int,
        *rest: Any,
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        networks = _networks(in_dims[5:], rest, info.batch_size)
        parts = [_cut(spec, count, network) for network in networks]
        specs = spec.networks or [spec.again() for _ in networks]
        columns = [list(column) for column in zip(*parts, strict=True)]
        results = run_backward(specs, lengths, reset, *columns)
        return tuple(torch.stack(part) for part in zip(*results, strict=True)), (0,) * count


def _vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    outputs, pull, *_ = torch.func.vjp(function, *primals)
    return outputs, pull


def _transforming() -> bool:
    """Return whether a transform of torch.func is at work."""
    return torch._C._are_functorch_transforms_active()


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Apply a function; outside transforms without binding its signature, which takes longer than a small scan."""
    if _transforming():
        return function.apply(*arguments)
    return super(torch.autograd.Function, function).apply(*arguments)  # type: ignore[misc]


def _cut(spec: Spec, count: int, rest: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Split what a gradient takes: the tensors of the scan, what it stored, the cotangents of its results."""
    end = len(rest) - spec.result_count
    return rest[:count], rest[count:end], rest[end:]


def _networks(dims: Sequence[int | None], tensors: Sequence[Any], size: int) -> list[tuple[Any, ...]]:
    """Return the tensors of each network of a population."""
    columns = [
        [tensor] * size if dim is None or tensor is None else tensor.unbind(dim)
        for dim, tensor in zip(dims, tensors, strict=True)
    ]
    return list(zip(*columns, strict=True))
