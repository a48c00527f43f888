"""What a scan may be given: every tensor's shape, dtype, device and memory, before the core sees its address.

A check looks at a tensor's description, not at its numbers (but for lengths), so it takes a fraction of a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.errors import InputError, KindError, ShapeError, quoted
from keepgate.scan.arguments import Arguments, hidden_size
from keepgate.scan.torch_private import is_zerotensor

__all__ = [
    "as_integers",
    "check",
    "check_lengths",
    "check_names",
    "check_parameters",
    "check_reset",
    "check_tensor",
    "dense",
]

INTEGERS = frozenset(getattr(torch, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64))

Shape = tuple[int, ...]


def check(
    equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments, networks: Shape = ()
) -> tuple[Mapping[str, Tensor], Arguments]:
    """Return the parameters and arguments of a scan, checked; lengths and resets as tensors.

    Args:
        equations: of the cell.
        parameters: by name.
        arguments: of the scan.
        networks: of a population, whose tensors all have a first dimension of that size.

    Raises:
        ShapeError: a tensor has the wrong shape, dtype or device, or is not dense.
        KindError: something else came in the place of a tensor.
        InputError: a state, step input or parameter is missing or unknown.
    """
    a, axes = arguments, len(networks)
    if not isinstance(a.x, Tensor):
        raise KindError(f"expected x as a tensor, got {type(a.x).__name__}")
    if a.x.dim() != 3 + axes + equations.map.axes or a.x.shape[:axes] != networks or not a.x.is_floating_point():
        places = [f"S{n + 1}" for n in range(equations.map.axes)]
        wanted = ", ".join((*map(str, networks), "T", "B", *places, "I"))
        raise ShapeError(f"expected x [{wanted}] of floating point, got {_what(a.x)}")
    check_tensor("x", a.x, a.x.shape, a.x)
    steps, rows, *space, inputs = a.x.shape[axes:]
    if space:
        equations.map.check_space(tuple(space))
    check_names(equations, "states", equations.states, a.state)
    check_names(equations, "step inputs", equations.step_inputs, a.step_inputs)
    for what, values in (("state", a.state), ("step input", a.step_inputs), ("parameter", parameters)):
        for name, value in values.items():
            if not isinstance(value, Tensor) or not value.dim():
                raise ShapeError(f"expected {what} {name} as a tensor of one dimension or more, got {_what(value)}")
    hidden = hidden_size(equations, parameters, a)
    size = equations.resolve(inputs, hidden)
    for name, width in equations.widths.items():
        check_tensor(f"state {name}", a.state[name], (*networks, rows, *space, size[width]), a.x)
    for name, width in equations.step_inputs.items():
        check_tensor(f"step input {name}", a.step_inputs[name], (*networks, steps, rows, *space, size[width]), a.x)
    lengths = None if a.lengths is None else check_lengths("scan", a.lengths, (*networks, rows), steps, a.x)
    reset = None if a.reset is None else check_reset(a.reset, (*networks, steps, rows), a.x)
    found = check_parameters(equations, parameters, a.x, inputs, hidden, networks=networks)
    return found, replace(a, lengths=lengths, reset=reset)


def check_tensor(what: str, value: Any, shape: Shape, like: Tensor, layer: str = "") -> None:
    """Refuse what is not a dense tensor of that shape, of the dtype and on the device of `like`.

    Raises:
        ShapeError: it is another tensor; the message says what was expected and what came.
        KindError: it is none.
    """
    if isinstance(value, Tensor):
        if (
            value.shape == shape
            and value.dtype is like.dtype
            and value.device == like.device
            and value.layout is torch.strided
        ):
            return
        wanted = f"{what} of shape {tuple(shape)}, {like.dtype} on {like.device}"
        raise ShapeError(f"{layer}expected {wanted}, got {_what(value)}")
    raise KindError(f"{layer}expected {what} as a tensor, got {type(value).__name__}")


def check_parameters(
    equations: Equations,
    parameters: Mapping[str, Tensor],
    like: Tensor,
    input_size: int,
    hidden: int,
    *,
    layer: str = "",
    suffix: str = "",
    networks: Shape = (),
) -> Mapping[str, Tensor]:
    """Return parameters, checked against the shapes of the equations; biases may be absent.

    A bias or vector of one number stands for that number in all units, as in torch.

    Args:
        equations: of the cell.
        parameters: by name.
        like: has the dtype and device that they must have.
        input_size: I.
        hidden: H.
        layer: begins the message.
        suffix: of the names in the message, such as `_l0`.
        networks: of a population, whose parameters all have a first dimension of that size.

    Raises:
        ShapeError, KindError: as `check_tensor`.
        InputError: a parameter is missing or unknown.
    """
    shapes, found = _shapes(equations, input_size, hidden), parameters
    for name, value in parameters.items():
        shape = shapes.get(name)
        if shape is None:
            raise InputError(f"{equations.name} has no parameter {quoted(name)}; it has {', '.join(shapes)}")
        if len(shape) == 1 and not networks and isinstance(value, Tensor) and value.shape in ((1,), ()):
            check_tensor(f"{name}{suffix}", value, value.shape, like, layer)
            found = {**found, name: value.expand(shape)}
        else:
            check_tensor(f"{name}{suffix}", value, (*networks, *shape), like, layer)
    if len(parameters) < len(shapes):
        missing = [name for name in shapes if name not in parameters and not name.startswith("bias_")]
        if missing:
            raise InputError(f"{layer}expected {missing[0]}{suffix} of shape {shapes[missing[0]]}, got none")
    return found


@lru_cache(maxsize=256)
def _shapes(equations: Equations, input_size: int, hidden: int) -> dict[str, Shape]:
    return {parameter.name: parameter.shape for parameter in equations.parameters(input_size, hidden)}


def check_names(equations: Equations, what: str, wanted: Iterable[str], given: Mapping[str, Any]) -> None:
    """Refuse states or step inputs of other names than the equations have.

    Raises:
        InputError: a name is missing or unknown.
    """
    if set(wanted) != set(given):
        names = [", ".join(inputs) or "none" for inputs in (wanted, given)]
        raise InputError(f"{equations.name} takes the {what} {names[0]}; got {names[1]}")


def as_integers(what: str, given: Any) -> Tensor:
    """Return a tensor of int64 where integers of any kind are given, also an empty list; else the tensor as it is.

    Raises:
        KindError: what is given cannot be a tensor.
    """
    try:
        tensor = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise KindError(f"{what} are integers, got {quoted(given)}") from error
    none = not isinstance(given, Tensor) and not tensor.numel()  # torch takes [] for float32
    return tensor.long() if none or tensor.dtype in INTEGERS else tensor


def check_lengths(name: str, lengths: Any, shape: Shape, steps: int, like: Tensor) -> Tensor:
    """Return lengths as a tensor of int64 on the device of `like`, each from 0 to T.

    Raises:
        ShapeError, KindError: they are no integers of that shape, or out of range.
    """
    lengths = as_integers(f"{name}: lengths", lengths)
    sound = lengths.layout is torch.strided and lengths.is_meta == like.is_meta
    if lengths.shape != shape or lengths.dtype is not torch.int64 or not sound:
        raise ShapeError(f"{name}: expected lengths of shape {tuple(shape)} and integer dtype, got {_what(lengths)}")
    if torch.compiler.is_compiling() or lengths.is_meta:
        return lengths  # their values are not known yet; the core's operator checks them
    if lengths.numel():
        least, most = (int(bound) for bound in lengths.aminmax())
        if least < 0 or most > steps:
            raise ShapeError(f"{name}: expected lengths from 0 to T={steps}, got {least} to {most}")
    return lengths.to(like.device)


def check_reset(reset: Any, shape: Shape, like: Tensor) -> Tensor:
    """Return resets as a tensor of booleans.

    Raises:
        ShapeError, KindError: they are no booleans of that shape, or on another device than `like`.
    """
    try:
        reset = torch.as_tensor(reset)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise KindError(f"reset is a tensor of booleans, got {quoted(reset)}") from error
    if tuple(reset.shape) != shape or reset.dtype != torch.bool or reset.layout is not torch.strided:
        got = _what(reset)
        raise ShapeError(f"expected reset of shape {shape} and dtype bool, got {got}")
    if reset.device != like.device:
        raise ShapeError(f"expected reset on {like.device}, as the input; got one on {reset.device}")
    return reset


def dense(value: Tensor) -> Tensor:
    """Return a tensor whose numbers lie one after the other at its address, as its shape says.

    A negated view has its numbers elsewhere and a zero tensor has none; both are written out.

    Raises:
        ShapeError: its memory has been given back.
    """
    if value.is_neg():
        value = value.resolve_neg()
    if is_zerotensor(value):
        value = value.clone()
    held = value.untyped_storage().nbytes()
    if held != value.nbytes and held < _extent(value):
        raise ShapeError(f"a tensor of shape {tuple(value.shape)} has only {held} bytes: its memory was given back")
    return value.contiguous()


def _extent(value: Tensor) -> int:
    """Return how many bytes of its storage a tensor reaches."""
    if not value.numel():
        return 0
    last = sum((count - 1) * step for count, step in zip(value.shape, value.stride(), strict=True))
    return int(value.storage_offset() + last + 1) * value.element_size()


def _what(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    layout = "" if value.layout is torch.strided else f", {value.layout}"
    return f"{tuple(value.shape)} of {value.dtype}{layout}" + ("" if value.is_cpu else f" on {value.device}")
