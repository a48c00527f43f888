"""A scan as functions of autograd: a scan, and its gradient, which is one too, so that transforms apply to it.

What a backend does not compute, derivatives of derivatives and forward mode, comes from the reference. `vmap` folds
into the batch where weights are shared; where they are not, or gradients of each sample are wanted, it runs a
population of networks in one call of the backend. The rules of `vmap` apply these functions again: transforms within
transforms hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from keepgate.scan.autograd.backend import Results, Spec
from keepgate.scan.autograd.derivatives import closed, push, reference_gradient, reference_scan, vjp
from keepgate.scan.autograd.population import Population, join, merge, split
from keepgate.scan.torch_private import (
    apply,
    in_forward_mode,
    is_legacy_batchedtensor,
    transforming,
    unwrap_dead_wrappers,
)

__all__ = ["differentiable_scan", "requires_grad"]


def differentiable_scan(spec: Spec, tensors: Sequence[Any]) -> Results:
    """Scan on the spec's backend; returns the recorded states, the final states, and whatever else a gradient needs.

    Args:
        spec: what the scan is.
        tensors: lengths, reset, x, states, step inputs and parameters.
    """
    # Whether a gradient is wanted is not known below a transform: keep what it would need.
    transformed = transforming()
    keep = torch.is_grad_enabled() and (transformed or requires_grad(tensors[2:]))
    if keep or transformed or torch.compiler.is_compiling() or in_forward_mode():
        return apply(_Scan, spec, keep, None, *tensors)
    return spec.backend.run_forward(spec, False, (), unwrap_dead_wrappers(tensors))


def requires_grad(tensors: Iterable[Any]) -> bool:
    """Return whether one of some tensors requires a gradient."""
    for tensor in tensors:  # noqa: SIM110 - `any` of a generator takes twice as long
        if tensor is not None and tensor.requires_grad:
            return True
    return False


class _Scan(torch.autograd.Function):
    """A scan of a network or a population; returns the recorded states, the final states, what its gradient needs."""

    @staticmethod
    def forward(spec: Spec, keep: bool, population: Population | None, *tensors: Tensor | None) -> Results:
        return _results(spec.backend.run_forward(spec, keep, *_networks(population, tensors)))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Results) -> None:
        ctx.spec, _, ctx.population, *tensors = inputs
        stored = output[ctx.spec.result_count :]
        ctx.count, ctx.stored = len(tensors), len(stored)
        ctx.mark_non_differentiable(*stored)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *stored)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        spec, population, needed = ctx.spec, ctx.population, ctx.needs_input_grad
        given = cotangents[: spec.result_count]
        present = [c for c in given if c is not None]
        if not present:
            return (None,) * (3 + ctx.count)
        if any(map(is_legacy_batchedtensor, present)):
            return _batched_gradient(ctx, given)
        if torch.is_grad_enabled() or transforming() or population is not None:
            gradients = _gradient(ctx, given)
        else:
            saved = unwrap_dead_wrappers(ctx.saved_tensors)
            tensors, stored = saved[: ctx.count], saved[ctx.count :]
            given = unwrap_dead_wrappers(given)
            gradients = spec.backend.run_backward(spec, (), tensors, stored, given, of_x=needed[5])
        return (*(None,) * 5, *[g if w else None for g, w in zip(gradients, needed[5:], strict=True)])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
        if ctx.spec.backend.compiled:
            raise NotImplementedError("forward mode goes around torch.compile, not inside it; or use the reference")
        function, values = closed(reference_scan(ctx.spec), ctx.population, ctx.saved_tensors)
        return (*push(function, values, tangents[5:]), *[None] * ctx.stored)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        spec: Spec,
        keep: bool,
        population: Population | None,
        *tensors: Tensor | None,
    ) -> tuple[Results, tuple[int, ...]]:
        dims, axes = in_dims[3:], spec.axes
        shared = dims[0] is None and all(dim is None for dim in dims[len(axes) :])
        if population is None and shared and not (spec.backend.draws and spec.seed is not None):
            merged = [merge(t, d, axis, info.batch_size) for t, d, axis in zip(tensors, dims, axes, strict=False)]
            results = apply(_Scan, spec, keep, None, *merged, *tensors[len(axes) :])
            count = len(spec.record)
            places = [0 if count <= i < spec.result_count else 1 for i in range(len(results))]
            apart = [r.unflatten(axis, (-1, info.batch_size)) for r, axis in zip(results, places, strict=True)]
            return tuple(apart), tuple(axis + 1 for axis in places)
        within, tensors = join(population, info.batch_size, dims, tensors)
        return split(population, info.batch_size, apply(_Scan, spec, keep, within, *tensors))


def _gradient(ctx: Any, cotangents: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Return the gradients of a scan, by a function that has derivatives itself."""
    population = ctx.population
    if population is not None:
        stacked = (*population.stacked, *[True] * ctx.stored, *(c is not None for c in cotangents))
        population = Population(population.size, stacked)
    arguments = (ctx.spec, population, ctx.count, *ctx.saved_tensors, *cotangents)
    if torch.is_grad_enabled() or transforming():
        gradients = apply(_Gradient, *arguments)
    else:
        gradients = _Gradient.forward(*unwrap_dead_wrappers(arguments))
    if population is not None:
        gradients = [g if s else g.sum(0) for g, s in zip(gradients, population.stacked[2:], strict=False)]
    return gradients


class _Gradient(torch.autograd.Function):
    """The gradient of a scan for every tensor that went in; of a population, those of each network."""

    @staticmethod
    def forward(spec: Spec, population: Population | None, count: int, *rest: Tensor | None) -> Results:
        networks, tensors = _networks(population, rest)
        gradients: Any = spec.backend.run_backward(spec, networks, *_cut(spec, count, tensors))
        return _results(gradients)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Results) -> None:
        ctx.spec, population, ctx.count, *rest = inputs
        tensors, stored, cotangents = _cut(ctx.spec, ctx.count, rest)
        ctx.stored = len(stored)
        ctx.given = [i for i, cotangent in enumerate(cotangents) if cotangent is not None]
        ctx.population = population
        if population is not None:
            first, _, last = _cut(ctx.spec, ctx.count, population.stacked)
            ctx.population = Population(population.size, (*first, *(last[i] for i in ctx.given)))
        saved = (*tensors, *(cotangents[i] for i in ctx.given))
        ctx.save_for_backward(*saved)
        ctx.save_for_forward(*saved)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        function, values = closed(reference_gradient(ctx.spec, ctx.given), ctx.population, ctx.saved_tensors)
        _, pull = vjp(function, *values)
        found = pull(cotangents)
        second = dict(zip(ctx.given, found[ctx.count - 2 :], strict=True))
        of_cotangents = (second.get(i) for i in range(ctx.spec.result_count))
        return (*(None,) * 5, *found[: ctx.count - 2], *(None,) * ctx.stored, *of_cotangents)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Results:
        function, values = closed(reference_gradient(ctx.spec, ctx.given), ctx.population, ctx.saved_tensors)
        tensors, _, cotangents = _cut(ctx.spec, ctx.count, tangents[3:])
        return push(function, values, (*tensors[2:], *(cotangents[i] for i in ctx.given)))

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        spec: Spec,
        population: Population | None,
        count: int,
        *rest: Tensor | None,
    ) -> tuple[Results, tuple[int, ...]]:
        within, rest = join(population, info.batch_size, in_dims[3:], rest)
        return split(population, info.batch_size, apply(_Gradient, spec, within, count, *rest))


def _cut(spec: Spec, count: int, rest: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Split what a gradient takes: the tensors of the scan, what it stored, the cotangents of its results."""
    end = len(rest) - spec.result_count
    return rest[:count], rest[count:end], rest[end:]


def _networks(population: Population | None, tensors: Sequence[Any]) -> tuple[tuple[int, ...], Sequence[Any]]:
    """Return the networks as a shape, and the tensors in that shape."""
    return ((), tensors) if population is None else ((population.size,), population.whole(tensors))


def _results(results: Results) -> Results:
    if in_forward_mode():  # in forward mode, results must not be views of each other
        return tuple(result.clone() for result in results)
    return results


def _batched_gradient(ctx: Any, cotangents: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Return what `_Scan.backward` does for `is_grads_batched`, which asks no function how to be mapped."""
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
    given = [i for i, cotangent in enumerate(cotangents) if cotangent is not None]
    function, values = closed(reference_scan(ctx.spec), ctx.population, ctx.saved_tensors[: ctx.count])
    with torch.enable_grad():
        outputs = function(*values)
    inputs, right = [values[i - 2] for i in wanted], [cotangents[i] for i in given]
    graph = torch.is_grad_enabled()
    found = torch.autograd.grad([outputs[i] for i in given], inputs, right, create_graph=graph, allow_unused=True)
    gradients = dict(zip(wanted, found, strict=True))
    return (*(None,) * 3, *(gradients.get(i) for i in range(ctx.count)))
