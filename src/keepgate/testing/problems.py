"""One scan with everything that goes in and every cotangent that comes back, drawn at random by a setting."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.scan import Arguments

__all__ = ["Outcome", "Problem", "Setting", "problem"]

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Setting:
    """What is tried: sizes, dtype, and what is out of the ordinary.

    Attributes:
        lengths: of the rows, or None.
        resets: some steps start anew, also the first one.
        padding: what lies in the inputs past each row's length (None: numbers like all others).
        saturated: parameters of one dimension, such as biases, are +60 or -60.
        strided: no tensor is contiguous.
        space: in which the values lie, where the map of the cell is a convolution.
    """

    steps: int = 5
    batch: int = 3
    inputs: int = 7
    hidden: int = 3
    dtype: torch.dtype = torch.float64
    lengths: tuple[int, ...] | None = None
    resets: bool = False
    reverse: bool = False
    seed: int | None = None
    bias: bool = True
    padding: float | None = None
    saturated: bool = False
    strided: bool = False
    space: tuple[int, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Equations, what they are run on, and the cotangents of the output and of the final state."""

    equations: Equations
    parameters: Tensors
    arguments: Arguments
    d_output: Tensor
    d_final: Tensors

    @property
    def output(self) -> str:
        """Name of the state that is the output."""
        return self.equations.states[0]

    def to(self, device: str) -> Problem:
        """Return the problem on a device."""
        a = self.arguments
        lengths, reset = (None if value is None else value.to(device) for value in (a.lengths, a.reset))
        moved = self.changed(lambda value: value.to(device))
        return replace(moved, arguments=replace(moved.arguments, lengths=lengths, reset=reset))

    def changed(self, change: Callable[[Tensor], Tensor]) -> Problem:
        """Return the problem with every tensor of numbers changed."""

        def each(values: Mapping[str, Tensor]) -> Tensors:
            return {name: change(value) for name, value in values.items()}

        a = self.arguments
        arguments = replace(a, x=change(a.x), state=each(a.state), step_inputs=each(a.step_inputs))
        return Problem(self.equations, each(self.parameters), arguments, change(self.d_output), each(self.d_final))


@dataclass
class Outcome:
    """The output [T, B, W], the final states [B, W], and the gradient of everything that went in, by name."""

    output: Tensor
    final: Tensors
    gradients: Tensors = field(default_factory=dict)


class _Draw:
    """Random tensors of one setting, the same on every machine."""

    def __init__(self, name: str, setting: Setting) -> None:
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        self.setting = setting

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64).to(self.setting.dtype)

    def signs(self, *shape: int) -> Tensor:
        return torch.randint(2, shape, generator=self.generator).to(self.setting.dtype) * 2 - 1

    def parameter(self, shape: tuple[int, ...], initial: float | None) -> Tensor:
        if len(shape) == 1:
            return 60 * self.signs(*shape) if self.setting.saturated else (initial or 0.0) + 0.5 * self.normal(*shape)
        return 0.8 * self.normal(*shape) / max(math.prod(shape[1:]), 1) ** 0.5

    def resets(self, steps: int, batch: int) -> Tensor:
        return torch.rand((steps, batch), generator=self.generator) < 0.3


def _strided(value: Tensor) -> Tensor:
    """Return the same numbers between others that are NaN."""
    *rows, last = value.shape
    wide = torch.full([*(2 * n for n in rows), 2 * last + 3], torch.nan, dtype=value.dtype)
    within = slice(1, 1 + last) if rows else slice(1, 1 + 2 * last, 2)
    view = wide[(*(slice(None, None, 2) for _ in rows), within)]
    return view.copy_(value)


def problem(name: str, equations: Equations, setting: Setting) -> Problem:
    """Draw a problem; the same name and setting give the same numbers."""
    draw = _Draw(name, setting)
    s = setting
    size = equations.resolve(s.inputs, s.hidden)
    width = {state: size[kind] for state, kind in equations.widths.items()}
    parameters = {p.name: draw.parameter(p.shape, p.initial) for p in equations.parameters(s.inputs, s.hidden, s.bias)}
    arguments = Arguments(
        x=draw.normal(s.steps, s.batch, *s.space, s.inputs),
        state={state: 0.5 * draw.normal(s.batch, *s.space, n) for state, n in width.items()},
        lengths=None if s.lengths is None else torch.tensor(s.lengths),
        reset=draw.resets(s.steps, s.batch) if s.resets else None,
        step_inputs={
            k: draw.normal(s.steps, s.batch, *s.space, size[n]).abs() for k, n in equations.step_inputs.items()
        },
        reverse=s.reverse,
        seed=s.seed,
        record=equations.states[:1],
    )
    d_output = draw.normal(s.steps, s.batch, *s.space, width[equations.states[0]])
    d_final = {state: draw.normal(s.batch, *s.space, n) for state, n in width.items()}
    if s.padding is not None and s.lengths is not None:
        _pad(arguments, s.lengths, s.padding)
    drawn = Problem(equations, parameters, arguments, d_output, d_final)
    return drawn.changed(_strided) if s.strided else drawn


def _pad(arguments: Arguments, lengths: tuple[int, ...], value: float) -> None:
    for row, length in enumerate(lengths):
        for tensor in (arguments.x, *arguments.step_inputs.values()):
            tensor[length:, row] = value
