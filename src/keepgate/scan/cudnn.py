"""The cuDNN engine: torch's fused kernels for the plain LSTM, GRU and simple network, on CUDA devices."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache

import torch
from torch import _VF, Tensor

from keepgate.cells import GRU, LSTM, RNN, projected
from keepgate.equations import Equations
from keepgate.scan.arguments import Arguments, Result

__all__ = ["missing", "refuses", "scan"]

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


@cache
def _kernels() -> dict[str, str]:
    """Return the name of torch's kernel by what it computes, for the equations that it has one for."""
    plain = {"rnn_tanh": [RNN()], "rnn_relu": [RNN("relu")], "gru": [GRU()], "lstm": [LSTM(), projected(LSTM(), 1)]}
    return {_key(cell.equations): kernel for kernel, cells in plain.items() for cell in cells}


@lru_cache(maxsize=256)
def _key(equations: Equations) -> str:
    """Name what equations compute, whatever the cell and its values are called."""
    return replace(equations, name="", named={}, sizes=dict.fromkeys(equations.sizes, 1)).dumps()


def missing() -> str | None:
    """Return why this machine cannot run the engine, or None."""
    return None if torch.cuda.is_available() else "torch finds no CUDA device"


def refuses(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> str | None:
    """Return why torch's kernels cannot run this, or None."""
    if arguments.x.device.type != "cuda":
        return f"the input is on {arguments.x.device}, not on a CUDA device"
    if _key(equations) not in _kernels():
        return f"torch has no kernel for the equations of {equations.name}"
    if 0 in arguments.x.shape[:2]:
        return "its kernel needs a step and a row"
    if arguments.lengths is not None or arguments.reset is not None:
        return "its kernel takes neither lengths nor resets"
    if arguments.recompute:
        return "its kernel keeps every step"
    if arguments.record != equations.states[:1]:
        return "its kernel returns the output alone for every step"
    return None


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run torch's kernel for one layer in one direction, on any device."""
    kernel = _kernels()[_key(equations)]
    weights = [parameters[name] for name in NAMES if name in parameters]
    x = arguments.x.flip(0) if arguments.reverse else arguments.x
    state = [arguments.state[name].unsqueeze(0).contiguous() for name in equations.states]
    options = ("bias_ih" in parameters, 1, 0.0, torch.is_grad_enabled(), False, False)
    hx = state if len(state) > 1 else state[0]
    with warnings.catch_warnings():
        # Our parameters lie apart, so that cuDNN puts them together in each call, which torch warns of.
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
        output, *final = getattr(_VF, kernel)(x, hx, weights, *options)
    output = output.flip(0) if arguments.reverse else output
    new = {name: value.squeeze(0) for name, value in zip(equations.states, final, strict=True)}
    return Result({equations.states[0]: output}, new)
