"""The native engine under torch: the core, which knows nothing of torch, as an engine that has every derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import engine
from keepgate.native.plan import refuses as refuses_map
from keepgate.scan.arguments import Arguments, Result, hidden_size, shows_hidden
from keepgate.scan.autograd import Spec, differentiable_scan
from keepgate.scan.buffers import Native
from keepgate.scan.torch_private import captured

__all__ = ["missing", "refuses", "scan"]

DTYPES = (torch.float32, torch.float64)
NARROW = {torch.bfloat16: "bfloat16", torch.float16: "full"}  # how the weights are stored; all sums are in float32

ROWLESS = ("vector", "constant", "size", "bernoulli")  # what the core has no sequence of rows of

_recording = lru_cache(maxsize=256)(Equations.recording)


def missing() -> str | None:
    """Return why this machine cannot run the engine, or None."""
    return core.missing()


def refuses(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> str | None:
    """Return why the core cannot run this, or None."""
    if arguments.x.device.type != "cpu":
        return f"the input is on {arguments.x.device}, and the core runs on the CPU"
    if reason := refuses_map(equations.map):
        return reason
    dtype = arguments.x.dtype
    if dtype not in (*DTYPES, *NARROW):
        return f"the core computes in float32 and float64, not in {dtype}"
    tensors = (arguments.x, *arguments.state.values(), *arguments.step_inputs.values(), *parameters.values())
    if dtype in NARROW and torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return f"the core has gradients in float32 and float64; in {dtype} it runs under torch.no_grad()"
    if arguments.recompute and captured():
        return "a compiled graph holds what it keeps, so that the core cannot recompute"
    if captured() and not shows_hidden(equations):
        return "a compiled graph has no tensor that shows the hidden size"
    if captured() and (other := [name for name in arguments.record if name not in equations.new]):
        return f"a compiled graph records states, not the value {other[0]}"
    if odd := [kind for kind in equations.multiplied if kind in ROWLESS]:
        return f"the core multiplies no matrix with a {odd[0]} as it is; multiply it by a state or the input first"
    return None


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time on the native core; in 16 bits, all but the stored weights are float32 inside.

    A named value is recorded as a state that nothing reads.

    Raises:
        InputError: a value to record is not one of the cell's.
    """
    storage = NARROW.get(arguments.x.dtype)
    if storage is None:
        return _scan(equations, parameters, arguments, arguments.storage)
    result = _scan(equations, _to(parameters, torch.float32), _single(arguments), storage)
    return Result(*(_to(part, arguments.x.dtype) for part in (result.recorded, result.state)))


def _single(a: Arguments) -> Arguments:
    state, given = _to(a.state, torch.float32), _to(a.step_inputs, torch.float32)
    return replace(a, x=a.x.float(), state=state, step_inputs=given)


def _to(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: tensor.to(dtype) for name, tensor in tensors.items()}


def _scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments, storage: str) -> Result:
    if captured():
        from keepgate.scan import compiled

        return compiled.scan(equations, parameters, arguments)
    a = arguments
    inputs, hidden = a.x.shape[-1], hidden_size(equations, parameters, a)
    spec, native = spec_of(equations, tuple(parameters), inputs, hidden, a.reverse, a.record, a.recompute, storage)
    if a.seed is not None or a.falling:
        spec = replace(spec, seed=a.seed, falling=a.falling, rows=a.rows)
    states = dict(a.state)
    for name, width in zip(native.states, native.engine.widths, strict=True):
        if name not in states:  # a value that is recorded
            states[name] = a.x.new_zeros(a.x.shape[1], width)
    tensors = [a.lengths, a.reset, a.x, *map(states.__getitem__, native.states)]
    tensors += [*map(a.step_inputs.__getitem__, native.step_inputs), *parameters.values()]
    results = differentiable_scan(spec, tensors)
    count = len(a.record)
    final = dict(zip(equations.states, results[count : spec.result_count], strict=False))
    return Result(dict(zip(a.record, results, strict=False)), final)


@lru_cache(maxsize=1024)
def spec_of(
    equations: Equations,
    names: tuple[str, ...],
    input_size: int,
    hidden_size: int,
    reverse: bool,
    record: tuple[str, ...],
    recompute: bool = False,
    storage: str = "full",
) -> tuple[Spec, Native]:
    """Return what a scan on the core is in evaluation, and the core at its sizes, made once.

    Args:
        equations: of the cell.
        names: of the parameters, in the order of the tensors.
        input_size: I.
        hidden_size: H.
        reverse: walk from the last step to the first.
        record: names of the states or named values to return for every step.
        recompute: keep less for the gradient.
        storage: of packed weights; see `keepgate.native.Stepper` and `Arguments`.

    Raises:
        InputError: a value to record is not one of the cell's.
    """
    recording = _recording(equations, record)
    native = Native(engine(recording, input_size, hidden_size), storage)
    return Spec(recording, native, names, reverse, None, record, recompute), native
