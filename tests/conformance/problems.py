"""One scan with everything that goes in and every cotangent that comes back, drawn at random by a setting."""

from __future__ import annotations

import zlib
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

        def move(value: Tensor) -> Tensor:
            return value.to(device)

        def moved(values: Tensors) -> Tensors:
            return {name: move(value) for name, value in values.items()}

        a = self.arguments
        arguments = replace(
            a,
            x=move(a.x),
            state=moved(dict(a.state)),
            step_inputs=moved(dict(a.step_inputs)),
            lengths=None if a.lengths is None else move(a.lengths),
            reset=None if a.reset is None else move(a.reset),
        )
        return Problem(self.equations, moved(self.parameters), arguments, move(self.d_output), moved(self.d_final))


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
        if self.setting.strided:
            wide = [*(2 * n for n in shape[:-1]), shape[-1] + 3]
            view = tuple(slice(None, None, 2) for _ in shape[:-1])
            return self._normal(*wide)[(*view, slice(1, shape[-1] + 1))]
        return self._normal(*shape)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64).to(self.setting.dtype)

    def signs(self, *shape: int) -> Tensor:
        return torch.randint(2, shape, generator=self.generator).to(self.setting.dtype) * 2 - 1

    def parameter(self, shape: tuple[int, ...], initial: float | None) -> Tensor:
        if len(shape) == 1:
            return 60 * self.signs(*shape) if self.setting.saturated else (initial or 0.0) + 0.5 * self.normal(*shape)
        return 0.8 * self.normal(*shape) / max(shape[1], 1) ** 0.5

    def resets(self, steps: int, batch: int) -> Tensor:
        return torch.rand((steps, batch), generator=self.generator) < 0.3


def problem(name: str, equations: Equations, setting: Setting) -> Problem:
    """Draw a problem; the same name and setting give the same numbers."""
    draw = _Draw(name, setting)
    s = setting
    size = equations.resolve(s.inputs, s.hidden)
    width = {state: size[kind] for state, kind in equations.widths.items()}
    parameters = {p.name: draw.parameter(p.shape, p.initial) for p in equations.parameters(s.inputs, s.hidden, s.bias)}
    arguments = Arguments(
        x=draw.normal(s.steps, s.batch, s.inputs),
        state={state: 0.5 * draw.normal(s.batch, n) for state, n in width.items()},
        lengths=None if s.lengths is None else torch.tensor(s.lengths),
        reset=draw.resets(s.steps, s.batch) if s.resets else None,
        step_inputs={k: draw.normal(s.steps, s.batch, size[n]).abs() for k, n in equations.step_inputs.items()},
        reverse=s.reverse,
        seed=s.seed,
        record=equations.states[:1],
    )
    d_output = draw.normal(s.steps, s.batch, width[equations.states[0]])
    d_final = {state: draw.normal(s.batch, n) for state, n in width.items()}
    if s.padding is not None:
        _pad(arguments, s.padding)
    return Problem(equations, parameters, arguments, d_output, d_final)


def _pad(arguments: Arguments, value: float) -> None:
    for row, length in enumerate(arguments.lengths.tolist()):
        for tensor in (arguments.x, *arguments.step_inputs.values()):
            tensor[length:, row] = value
