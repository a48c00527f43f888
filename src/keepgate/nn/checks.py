"""What a recurrent layer accepts; every refusal says what was expected and what came."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import torch
from torch import Tensor, nn

from keepgate.errors import InputError, KindError, ShapeError, quoted
from keepgate.scan.torch_private import tracing, transforming

__all__ = [
    "check_finite",
    "check_input",
    "check_options",
    "check_state",
    "check_weights",
    "looked_at",
]


INITIAL_STATES = ("zeros", "learned")
MOST_UNITS, MOST_LAYERS = 2**24, 2**14  # far beyond what fits into memory; the core counts in 32 bits


def check_options(
    input_size: Any,
    hidden_size: Any,
    num_layers: Any,
    dropout: Any,
    proj_size: Any,
    initial_state: Any = "zeros",
    weight_drop: Any = 0.0,
) -> None:
    """Check a layer's options as `torch.nn.LSTM` does.

    Raises:
        TypeError, ValueError: an option is no number or out of range.
    """
    if not isinstance(dropout, Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:  # type: ignore[operator]
        raise InputError(f"dropout is the probability from 0 to 1 of an element being zeroed, got {dropout!r}")
    if not isinstance(weight_drop, Number) or isinstance(weight_drop, bool) or not 0 <= weight_drop < 1:  # type: ignore[operator]
        raise InputError(
            f"weight_drop is the probability from 0 to below 1 of a recurrent weight being zeroed, got {weight_drop!r}"
        )
    if initial_state not in INITIAL_STATES:
        raise InputError(f"initial_state is one of {', '.join(INITIAL_STATES)}; got {initial_state!r}")
    for name, value, least, most in (
        ("input_size", input_size, 0, MOST_UNITS),
        ("hidden_size", hidden_size, 1, MOST_UNITS),
        ("num_layers", num_layers, 1, MOST_LAYERS),
        ("proj_size", proj_size, 0, MOST_UNITS),
    ):
        if not isinstance(value, int):
            raise KindError(f"{name} should be of type int, got: {type(value).__name__}")
        if value < least:
            raise InputError(f"{name} must be at least {least}, got {value}")
        if value > most:
            raise InputError(f"{name} must be at most {most}, got {quoted(value)}")
    if proj_size >= hidden_size:
        raise InputError(f"proj_size must be smaller than hidden_size {hidden_size}, got {proj_size}")
    if dropout and num_layers == 1:  # type: ignore[truthy-bool]
        warnings.warn(
            f"dropout={dropout} has no effect with num_layers=1: it lies between layers", UserWarning, stacklevel=4
        )


def check_input(
    name: str,
    x: Any,
    input_size: int,
    dtype: torch.dtype,
    device: torch.device,
    axes: int = 0,
    dims: tuple[int, int] = (2, 3),
) -> None:
    """Check the input of a layer: its number of dimensions, size, dtype and device.

    Args:
        name: of the layer.
        x: the input, [..., I, *space].
        input_size: I.
        dtype: of the weights.
        device: of the weights.
        axes: of the space.
        dims: how many there may be without a space.
    """
    dims = dims[0] + axes, dims[1] + axes
    if not isinstance(x, Tensor):
        raise KindError(f"{name}: expected a tensor or a PackedSequence as input, got {type(x).__name__}")
    if x.dim() not in dims:
        raise ShapeError(
            f"{name}: Expected input to be {dims[0]}D or {dims[1]}D, got {x.dim()}D of shape {tuple(x.shape)}"
        )
    axis = -1 - axes
    if (size := x.shape[axis]) != input_size:
        raise ShapeError(
            f"input.size({axis}) must be equal to input_size. Expected {input_size}, got {size} in {tuple(x.shape)}"
        )
    if x.dtype != dtype:
        raise ShapeError(f"{name}: expected input of the weights' dtype {dtype}, got {x.dtype}")
    if x.device != device:
        raise ShapeError(f"{name}: expected input on the weights' device {device}, got {x.device}")
    if x.layout is not torch.strided:
        raise ShapeError(f"{name}: expected a dense input, got one of layout {x.layout}; call its to_dense()")


def states_of(name: str, states: tuple[str, ...], hx: Any) -> Sequence[Any]:
    """Return the state that is given as one value for each of a cell's states, in its order.

    Args:
        name: of the layer, for the message.
        states: of the cell.
        hx: a tuple or list, or for a cell with one state the value itself.

    Raises:
        KindError: it is no tuple of as many.
    """
    values = (hx,) if len(states) == 1 else hx
    if isinstance(values, tuple | list) and len(values) == len(states):
        return values
    got = f"{type(hx).__name__} of {len(hx)}" if isinstance(hx, tuple | list) else type(hx).__name__
    raise KindError(f"{name}: expected the state as a tuple ({', '.join(states)}), got {got}")


def check_state(name: str, state: str, value: Any, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """Return one initial state, of the given shape and the input's dtype."""
    if not isinstance(value, Tensor):
        raise KindError(f"{name}: expected the initial state {state} as a tensor, got {type(value).__name__}")
    if tuple(value.shape) != shape:
        raise ShapeError(f"{name}: Expected hidden state {state} of size {shape}, got {tuple(value.shape)}")
    if value.dtype != x.dtype or value.device != x.device or value.layout is not torch.strided:
        raise ShapeError(
            f"{name}: expected the initial state {state} as {x.dtype} on {x.device},"
            f" got {value.dtype} on {value.device}, {value.layout}"
        )
    return value


def check_finite(layer: nn.Module, output: Tensor, final: Mapping[str, Tensor]) -> None:
    """Refuse to train on weights that are not numbers; what NaN in the input makes is the caller's, as in torch.

    A NaN in a weight reaches the final state, which is small, so the weights are looked at only where that has one.

    Raises:
        InputError: a parameter has NaN.
    """
    if not layer.training or output.device.type != "cpu" or not output.shape[0] or looked_at():
        return
    for value in final.values():
        if math.isnan(float(value.detach().sum())):
            return check_weights(type(layer).__name__, dict(layer.named_parameters()))


def check_weights(name: str, weights: Mapping[str, Tensor]) -> None:
    """Refuse parameters that have NaN.

    Raises:
        InputError: names the parameter, how many of its numbers are NaN, and where the first one is.
    """
    for key, value in weights.items():
        if bool((wrong := value.detach().isnan()).any()):
            shape, place = tuple(value.shape), tuple(wrong.nonzero()[0].tolist())
            raise InputError(f"{name}: expected numbers in {key} {shape}, got {int(wrong.sum())} NaN, first at {place}")


def looked_at() -> bool:
    """Return whether we are compiled, traced or transformed, where control flow must not depend on values."""
    return torch.compiler.is_compiling() or tracing() or transforming()
