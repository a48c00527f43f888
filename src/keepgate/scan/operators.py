"""The two passes of the core as operators of torch, which `torch.compile` and `torch.export` take whole.

An operator takes tensors, numbers and text, so equations travel as the text of the model file: an exported program
holds all that it needs. Time and batch stay free. No two results of an operator may share memory, and none is
differentiated here: derivatives are those of `keepgate.scan.functions`, asking an operator for one is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.native import engine as core
from keepgate.native.engine import engine
from keepgate.scan import buffers
from keepgate.scan.arguments import Arguments, widths
from keepgate.scan.buffers import Results, Spec, Tensors

__all__ = ["equations_of", "run_backward", "run_forward", "spec_of", "text_of"]

WHAT = "Tensor? seed, str equations, str[] names, bool reverse, str[] record"
LIBRARY = torch.library.Library("keepgate", "DEF")
LIBRARY.define(f"scan(Tensor?[] tensors, int[] networks, bool keep, {WHAT}) -> Tensor[]")
LIBRARY.define(f"scan_gradient(Tensor?[] tensors, int[] networks, int count, {WHAT}) -> Tensor[]")


@lru_cache(maxsize=256)
def text_of(equations: Equations) -> str:
    """Return equations as text; unlike `Equations.dumps` it keeps the order of the states."""
    return json.dumps(equations.to_json())


@lru_cache(maxsize=256)
def equations_of(text: str) -> Equations:
    """Read what `text_of` wrote, once."""
    return Equations.from_json(json.loads(text))


def spec_of(
    tensors: Tensors, seed: Tensor | None, text: str, names: Sequence[str], reverse: bool, record: Sequence[str]
) -> Spec:
    """Return what a scan is, from what an operator takes."""
    equations = equations_of(text)
    _, _, x, *rest = tensors
    state = dict(zip(equations.states, rest, strict=False))
    parameters = dict(zip(names, rest[len(state) + len(equations.step_inputs) :], strict=False))
    hidden = widths(equations, parameters, Arguments(x, state))["hidden"]
    made, threads = engine(equations, int(x.shape[-1]), int(hidden)), core.threads(torch.get_num_threads())
    return Spec(equations, made, tuple(names), reverse, seed, tuple(record), threads, text=text)


def run_forward(spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
    """Do as `buffers.run_forward`."""
    results = tuple(torch.ops.keepgate.scan(tensors, networks, keep, *_what(spec)))
    return results if tensors[0] is not None else _cut(spec, keep, results)


def _cut(spec: Spec, keep: bool, results: Results) -> Results:
    """Cut what is recorded from whole states: where all are kept, from those."""
    steps = slice(None, -1) if spec.reverse else slice(1, None)
    if not keep:
        count = len(spec.record)
        return (*(state[..., steps, :, :] for state in results[:count]), *results[count:])
    states = dict(zip(spec.engine.states, results[len(spec.engine.states) :], strict=False))
    return (*(states[name][..., steps, :, :] for name in spec.record), *results)


def run_backward(
    spec: Spec, networks: tuple[int, ...], tensors: Tensors, stored: Tensors, cotangents: Tensors
) -> Results:
    """Do as `buffers.run_backward`."""
    flat = (*tensors, *stored, *cotangents)
    return tuple(torch.ops.keepgate.scan_gradient(flat, networks, len(tensors), *_what(spec)))


def _what(spec: Spec) -> tuple[Any, ...]:
    return spec.seed, spec.text, spec.names, spec.reverse, spec.record


def _for_core(tensors: Tensors, seed: Tensor | None, *what: Any) -> Spec:
    """Return what a scan is, for the core itself: the seed a number, no text."""
    spec = spec_of(tensors, seed, *what)
    return replace(spec, seed=None if seed is None else int(seed), text=None)


def _check_lengths(lengths: Tensor | None, steps: int) -> None:
    """Check what a layer cannot check while it is compiled."""
    if lengths is not None and lengths.numel():
        least, most = (int(bound) for bound in lengths.aminmax())
        if least < 0 or most > steps:
            raise InputError(f"expected lengths from 0 to T={steps}, got {least} to {most}")


@torch.library.impl(LIBRARY, "scan", "CPU")
def _scan(tensors: Tensors, networks: Sequence[int], keep: bool, *what: Any) -> list[Tensor]:
    lengths, _, x, *_ = tensors
    _check_lengths(lengths, x.shape[-3])
    spec = _for_core(tensors, *what)
    results = buffers.run_forward(spec, keep, tuple(networks), tensors)
    count, end = len(spec.record), spec.result_count
    states = dict(zip(spec.engine.states, results[end:], strict=False))
    whole = [states[name] for name in spec.record]
    rest = results[count:] if keep else results[count:end]
    if lengths is not None:
        return [*(r.clone() if _same_memory(r, w) else r for r, w in zip(results, whole, strict=False)), *rest]
    return [*([] if keep else whole), *rest]


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


@torch.library.register_fake("keepgate::scan", lib=LIBRARY)
def _scan_shapes(tensors: Tensors, networks: Sequence[int], keep: bool, *what: Any) -> list[Tensor]:
    lengths, _, x, *_ = tensors
    spec = spec_of(tensors, *what)
    width = dict(zip(spec.engine.states, spec.engine.widths, strict=True))
    *_, steps, rows, _ = x.shape

    def empty(*shape: int) -> Tensor:
        return x.new_empty(*networks, *shape)

    flat = []
    if lengths is not None or not keep:
        flat += [empty(steps + (lengths is None), rows, width[name]) for name in spec.record]
    flat += [empty(rows, each) for each in width.values()]
    if keep:
        flat += [empty(steps + 1, rows, each) for each in width.values()]
        flat += [empty(steps, rows, each) for each in spec.engine.kept_widths]
    return flat


@torch.library.impl(LIBRARY, "scan_gradient", "CPU")
def _scan_gradient(tensors: Tensors, networks: Sequence[int], count: int, *what: Any) -> list[Tensor]:
    spec = _for_core(tensors, *what)
    end = len(tensors) - spec.result_count
    parts = tensors[:count], tensors[count:end], tensors[end:]
    return list(buffers.run_backward(spec, tuple(networks), *parts))


@torch.library.register_fake("keepgate::scan_gradient", lib=LIBRARY)
def _scan_gradient_shapes(tensors: Tensors, networks: Sequence[int], count: int, *what: Any) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in tensors[2:count]]


def _without_derivatives(name: str) -> Callable[..., list[Tensor]]:
    """Return an operator that refuses tangents, and whose results refuse to be differentiated."""

    def run(tensors: Tensors, *rest: Any) -> list[Tensor]:
        given = [t for t in tensors if t is not None]
        if forward_ad._current_level >= 0 and any(forward_ad.unpack_dual(t).tangent is not None for t in given):
            raise NotImplementedError(f"keepgate::{name} has no forward-mode derivative; take it outside the compiler")
        with torch._C._AutoDispatchBelowAutograd():
            results = getattr(torch.ops.keepgate, name)(tensors, *rest)
        if torch.is_grad_enabled() and any(t.requires_grad for t in given):
            message = f"keepgate::{name} has no gradient of its own; train the layer itself, not its exported program"
            refused = [result.requires_grad_() for result in results]
            return list(torch._C._functions.DelayedError(message, len(refused))(*refused))  # type: ignore[attr-defined]
        return results

    return run


for _name in ("scan", "scan_gradient"):
    LIBRARY.impl(_name, _without_derivatives(_name), "Autograd")
