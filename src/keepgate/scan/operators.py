"""The two passes of the core as operators of torch, which `torch.compile` and `torch.export` take whole.

An operator takes tensors, numbers and text, so equations travel as the text of the model file: an exported program
holds all that it needs. Time and batch stay free. No two results of an operator may share memory, and none is
differentiated here: derivatives are those of `keepgate.scan.autograd`, asking an operator for one is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd import forward_ad

from keepgate.equations import Equations
from keepgate.errors import CellError, InputError, ShapeError, quoted
from keepgate.native.engine import engine
from keepgate.scan.arguments import Arguments, hidden_size
from keepgate.scan.autograd import Results, Spec, Tensors
from keepgate.scan.buffers import Native
from keepgate.scan.checks import check, check_tensor
from keepgate.scan.torch_private import below_autograd, in_forward_mode, refuse_gradients

__all__ = ["Operators", "equations_of", "run_traced", "spec_of", "text_of"]

WHAT = "Tensor? seed, str equations, str[] names, bool reverse, str[] record, str storage='full'"
LIBRARY = torch.library.Library("keepgate", "DEF")
LIBRARY.define(f"scan(Tensor?[] tensors, int[] networks, bool keep, {WHAT}) -> Tensor[]")
# The tracer of torch.jit knows no lists of text, nor of tensors of which some are absent.
TRACED = (
    "Tensor? lengths, Tensor? reset, Tensor[] tensors, Tensor? seed, str equations, str names, bool reverse, "
    "str record, str storage='full'"
)
LIBRARY.define(f"traced_scan({TRACED}) -> Tensor[]")
LIBRARY.define(f"scan_gradient(Tensor?[] tensors, int[] networks, int count, {WHAT}) -> Tensor[]")


@lru_cache(maxsize=256)
def text_of(equations: Equations) -> str:
    """Return equations as text; unlike `Equations.dumps` it keeps the order of the states."""
    return json.dumps(equations.to_json())


@lru_cache(maxsize=256)
def equations_of(text: str) -> Equations:
    """Read what `text_of` wrote, once.

    Raises:
        CellError: the text holds no equations.
    """
    try:
        return Equations.from_json(json.loads(text))
    except (RecursionError, json.JSONDecodeError) as error:
        raise CellError("the text of the equations is not JSON; export the layer again") from error


def spec_of(
    tensors: Tensors,
    seed: Tensor | None,
    text: str,
    names: Sequence[str],
    reverse: bool,
    record: Sequence[str],
    storage: str = "full",
) -> Spec:
    """Return what a scan is, from what an operator takes."""
    backend = Operators(text, _native_of(tensors, text, names, storage))
    return Spec(equations_of(text), backend, tuple(names), reverse, seed, tuple(record))


def _native_of(tensors: Tensors, text: str, names: Sequence[str], storage: str = "full") -> Native:
    equations = equations_of(text)
    parameters, arguments = _split(equations, names, tensors)
    hidden = hidden_size(equations, parameters, arguments)
    return Native(engine(equations, int(arguments.x.shape[-1]), int(hidden)), storage)


def _split(equations: Equations, names: Sequence[str], tensors: Tensors) -> tuple[dict[str, Tensor], Arguments]:
    """Return the parameters and arguments of a scan from the tensors of an operator."""
    states, inputs = equations.states, tuple(equations.step_inputs)
    if len(tensors) != 3 + len(states) + len(inputs) + len(names) or any(t is None for t in tensors[2:]):
        wanted = ", ".join(("lengths or None", "reset or None", "x", *states, *inputs, *names))
        raise InputError(f"the operator takes the tensors {wanted}; got {len(tensors)}")
    lengths, reset, x, *rest = tensors
    state, given = dict(zip(states, rest, strict=False)), dict(zip(inputs, rest[len(states) :], strict=False))
    parameters = dict(zip(names, rest[len(states) + len(inputs) :], strict=True))
    return parameters, Arguments(x, state, lengths, reset, given)


@dataclass(frozen=True)
class Operators:
    """The native core behind operators of torch, as a backend; see `keepgate.scan.autograd.Backend`.

    Attributes:
        text: the equations' own.
        native: what the operators run.
    """

    compiled: ClassVar[bool] = True

    text: str
    native: Native

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the core's order."""
        return self.native.states

    @property
    def step_inputs(self) -> tuple[str, ...]:
        """The step inputs in the core's order."""
        return self.native.step_inputs

    @property
    def draws(self) -> bool:
        """Whether the cell draws random bits."""
        return self.native.draws

    def run_forward(self, spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
        """Call the operator of the forward pass."""
        results = tuple(torch.ops.keepgate.scan(tensors, networks, keep, *self._what(spec)))
        return results if tensors[0] is not None else _cut(spec, keep, results)

    def run_backward(
        self,
        spec: Spec,
        networks: tuple[int, ...],
        tensors: Tensors,
        stored: Tensors,
        cotangents: Tensors,
        of_x: bool = True,
    ) -> Results:
        """Call the operator of the backward pass."""
        flat = (*tensors, *stored, *cotangents)
        return tuple(torch.ops.keepgate.scan_gradient(flat, networks, len(tensors), *self._what(spec)))

    def _what(self, spec: Spec) -> tuple[Any, ...]:
        return spec.seed, self.text, spec.names, spec.reverse, spec.record, self.native.storage


def run_traced(spec: Spec, text: str, tensors: Tensors) -> Results:
    """Call the operator of a forward pass without gradients, as `torch.jit.trace` takes it.

    Args:
        spec: what the scan is.
        text: of its equations.
        tensors: of the scan.
    """
    lengths, reset, *given = tensors
    backend: Any = spec.backend
    what = (spec.seed, text, " ".join(spec.names), spec.reverse, " ".join(spec.record), backend.native.storage)
    results = torch.ops.keepgate.traced_scan(lengths, reset, given, *what)
    results = tuple(results[i] for i in range(spec.result_count))  # the tracer does not know how many there are
    return results if lengths is not None else _cut(spec, False, results)


def _cut(spec: Spec, keep: bool, results: Results) -> Results:
    """Cut what is recorded from whole states: where all are kept, from those."""
    steps = slice(None, -1) if spec.reverse else slice(1, None)
    if not keep:
        count = len(spec.record)
        return (*(state[..., steps, :, :] for state in results[:count]), *results[count:])
    names = spec.backend.states
    states = dict(zip(names, results[len(names) :], strict=False))
    return (*(states[name][..., steps, :, :] for name in spec.record), *results)


def _for_core(
    tensors: Tensors,
    networks: Sequence[int],
    seed: Tensor | None,
    text: str,
    names: Sequence[str],
    reverse: bool,
    record: Sequence[str],
    storage: str = "full",
) -> tuple[Spec, Native, Tensors]:
    """Return what a scan is, for the core itself (the seed a number), the core, and the scan's tensors.

    All is checked: an exported program is somebody's file.

    Raises:
        KeepgateError: a tensor, a name or the number of networks is not what the equations take.
    """
    equations = equations_of(text)
    if len(networks) > 1 or any(count < 1 for count in networks):
        raise InputError(f"networks are none, or how many of one population; got {quoted(list(networks))}")
    if len(set(names)) < len(names) or set(record) - set(equations.states):
        raise InputError(f"expected each parameter once, and states to record; got {quoted(names)}, {quoted(record)}")
    if seed is not None and (seed.numel() != 1 or seed.is_floating_point() or seed.is_complex()):
        raise ShapeError(f"expected a seed of one integer, got {tuple(seed.shape)} of {seed.dtype}")
    if storage not in ("full", "pairs") or (storage == "pairs" and tensors[2].dtype is not torch.float32):
        raise InputError(f'storage is "full", or "pairs" for x of float32; got {quoted(storage)}')
    given, arguments = _split(equations, names, tensors)
    parameters, arguments = check(equations, given, arguments, tuple(networks))
    native, a, inputs = _native_of(tensors, text, names, storage), arguments, equations.step_inputs
    states, given = [a.state[n] for n in native.states], [a.step_inputs[n] for n in inputs]
    checked = (a.lengths, a.reset, a.x, *states, *given, *parameters.values())
    number = None if seed is None else int(seed)
    return Spec(equations, native, tuple(names), reverse, number, tuple(record)), native, checked


def _check_shapes(what: str, tensors: Sequence[Tensor | None], shapes: Sequence[tuple[int, ...]], like: Tensor) -> None:
    if len(tensors) != len(shapes):
        raise InputError(f"expected {len(shapes)} {what}, got {len(tensors)}")
    for number, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
        if tensor is not None:
            check_tensor(f"{what} {number}", tensor, shape, like)


@torch.library.impl(LIBRARY, "scan", "CPU")
def _scan(tensors: Tensors, networks: Sequence[int], keep: bool, *what: Any) -> list[Tensor]:
    spec, native, tensors = _for_core(tensors, networks, *what)
    lengths = tensors[0]
    results = native.run_forward(spec, keep, tuple(networks), tensors)
    count, end = len(spec.record), spec.result_count
    states = dict(zip(native.states, results[end:], strict=False))
    whole = [states[name] for name in spec.record]
    rest = results[count:] if keep else results[count:end]
    if lengths is not None:
        return [*(r.clone() if _same_memory(r, w) else r for r, w in zip(results, whole, strict=False)), *rest]
    return [*([] if keep else whole), *rest]


def _traced_scan(
    lengths: Tensor | None,
    reset: Tensor | None,
    tensors: Tensors,
    seed: Tensor | None,
    text: str,
    names: str,
    reverse: bool,
    record: str,
    storage: str = "full",
) -> list[Tensor]:
    what = (seed, text, names.split(), reverse, record.split(), storage)
    return torch.ops.keepgate.scan((lengths, reset, *tensors), (), False, *what)


for _key in ("CPU", "Autograd"):
    LIBRARY.impl("traced_scan", _traced_scan, _key)


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


@torch.library.register_fake("keepgate::scan", lib=LIBRARY)
def _scan_shapes(
    tensors: Tensors,
    networks: Sequence[int],
    keep: bool,
    seed: Tensor | None,
    text: str,
    names: Sequence[str],
    reverse: bool,
    record: Sequence[str],
    storage: str = "full",
) -> list[Tensor]:
    lengths, _, x, *_ = tensors
    made = _native_of(tensors, text, names).engine
    width = dict(zip(made.states, made.widths, strict=True))
    *_, steps, rows, _ = x.shape

    def empty(*shape: int) -> Tensor:
        return x.new_empty(*networks, *shape)

    flat = []
    if lengths is not None or not keep:
        flat += [empty(steps + (lengths is None), rows, width[name]) for name in record]
    flat += [empty(rows, each) for each in width.values()]
    if keep:
        flat += [empty(steps + 1, rows, each) for each in width.values()]
        flat += [empty(steps, rows, each) for each in made.kept_widths]
    return flat


@torch.library.impl(LIBRARY, "scan_gradient", "CPU")
def _scan_gradient(tensors: Tensors, networks: Sequence[int], count: int, *what: Any) -> list[Tensor]:
    if not 0 <= count <= len(tensors):
        raise InputError(f"count is how many of the {len(tensors)} tensors are a scan's; got {count}")
    spec, native, own = _for_core(tensors[:count], networks, *what)
    end = len(tensors) - spec.result_count
    stored, cotangents, x = tensors[count:end], tensors[end:], own[2]
    made, (steps, rows) = native.engine, x.shape[-3:-1]
    widths = dict(zip(made.states, made.widths, strict=True))
    kept = [*((steps + 1, rows, w) for w in made.widths), *((steps, rows, w) for w in made.kept_widths)]
    results = [*((steps, rows, widths[name]) for name in spec.record), *((rows, w) for w in widths.values())]
    _check_shapes("stored tensors", stored, [(*networks, *shape) for shape in kept], x)
    _check_shapes("cotangents", cotangents, [(*networks, *shape) for shape in results], x)
    if any(tensor is None for tensor in stored):
        raise InputError("expected every stored tensor, got None")
    return [g for g in native.run_backward(spec, tuple(networks), own, stored, cotangents) if g is not None]


@torch.library.register_fake("keepgate::scan_gradient", lib=LIBRARY)
def _scan_gradient_shapes(tensors: Tensors, networks: Sequence[int], count: int, *what: Any) -> list[Tensor]:
    return [tensor.new_empty(tensor.shape) for tensor in tensors[2:count]]


def _without_derivatives(name: str) -> Callable[..., list[Tensor]]:
    """Return an operator that refuses tangents, and whose results refuse to be differentiated."""

    def run(tensors: Tensors, *rest: Any) -> list[Tensor]:
        given = [t for t in tensors if t is not None]
        if in_forward_mode() and any(forward_ad.unpack_dual(t).tangent is not None for t in given):
            raise NotImplementedError(f"keepgate::{name} has no forward-mode derivative; take it outside the compiler")
        with below_autograd():
            results = getattr(torch.ops.keepgate, name)(tensors, *rest)
        if torch.is_grad_enabled() and any(t.requires_grad for t in given):
            message = f"keepgate::{name} has no gradient of its own; train the layer itself, not its exported program"
            return refuse_gradients(message, results)
        return results

    return run


for _name in ("scan", "scan_gradient"):
    LIBRARY.impl(_name, _without_derivatives(_name), "Autograd")
