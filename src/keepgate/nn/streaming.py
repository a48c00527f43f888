"""`Stream`: the layers of a `Recurrent` one step at a time, on the native core's steppers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from keepgate.errors import BackendError, KindError, ShapeError
from keepgate.native import Stepper
from keepgate.native.stepper import stepper_stack
from keepgate.scan.checks import check_parameters, check_tensor, dense
from keepgate.scan.memory import tensor_reader

if TYPE_CHECKING:
    from keepgate.nn.recurrent import Recurrent

__all__ = ["Stream"]

# By the dtype of the weights: the dtype of everything else, and how the weights are stored.
DTYPES = {
    torch.float32: (torch.float32, "full"),
    torch.float64: (torch.float64, "full"),
    torch.bfloat16: (torch.float32, "bfloat16"),
}
NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


class Stream:
    """Layers that keep their states from step to step, in evaluation mode; made by `Recurrent.stream`.

    A step has the bits that the same step of the whole sequence has on the native engine. The weights are those of the
    moment at which the stream was made: make another one after training on. A stream belongs to one thread at a time.

    Args:
        layer: its weights are taken now. Those of bfloat16 stay so; everything else, inputs and outputs too, is float32
            then.
        batch: number of rows, B.
        storage: `"bfloat16"` or `"int8"` to store float32 weights in fewer bits; see `keepgate.native.Stepper`.

    Raises:
        BackendError: the layer is bidirectional, or its weights are such that the core cannot run it.
    """

    def __init__(self, layer: Recurrent, batch: int = 1, storage: str | None = None) -> None:
        weight = layer.all_weights[0][0]
        if not isinstance(weight, Tensor):
            raise KindError(f"expected the first weight as a tensor, got {type(weight).__name__}")
        if layer.bidirectional:
            raise BackendError("a bidirectional layer reads its sequence to the end first; it cannot be streamed")
        if weight.device.type != "cpu" or weight.dtype not in DTYPES:
            got = f"{weight.dtype} on {weight.device}"
            raise BackendError(f"streams run on the CPU in float32, float64 or bfloat16; the weights are {got}")
        self.dtype, own = DTYPES[weight.dtype]
        self.states = layer.equations.states
        self.steppers: list[Stepper] = []
        size = layer.input_size
        for row in range(layer.num_layers):
            values, who, suffix = layer.parameters_of(row), f"{type(layer).__name__}: ", layer.suffixes[row]
            sizes = (size, layer.hidden_size)
            values = check_parameters(layer.equations, values, weight, *sizes, layer=who, suffix=suffix)
            held = {name: _array(value.to(self.dtype)) for name, value in values.items()}
            made = Stepper(layer.equations, size, layer.hidden_size, held, batch, NUMPY[self.dtype], storage or own)
            self.steppers.append(made)
            size = made.output_size
        self._stack = stepper_stack(tensor_reader(), self.steppers)
        self._in, self._like = (batch, layer.input_size), torch.empty(batch, size, dtype=self.dtype)
        self._given = layer.equations.step_inputs
        self._learned = {name: _array(value.to(self.dtype)) for name, value in layer.learned_states().items()}
        self.reset()

    def step(self, x: Tensor, output: Tensor | None = None, step_inputs: Mapping[str, Tensor] | None = None) -> Tensor:
        """Take one step and return the output of the last layer.

        Args:
            x: [B, I].
            output: [B, W], is overwritten and returned; a new tensor if absent.
            step_inputs: the cell's extra inputs by name, [B, width]; every layer has them.

        Raises:
            ShapeError: a tensor has the wrong shape or dtype.
            InputError: step inputs are missing or unknown.
        """
        if output is None:
            output = torch.empty_like(self._like)  # in half the time of `torch.empty`
        if self._given or step_inputs:
            return self._step_given(*self._checked(x, output), step_inputs or {})
        if not self._stack.step(x, output):
            self._stack.step(*self._checked(x, output))
        return output

    def _checked(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as plain tensors."""
        self._check("output", output, tuple(self._like.shape))
        if dense(output) is not output:
            raise ShapeError("output must be a contiguous tensor with memory of its own")
        self._check("x", x, self._in)
        return dense(x), output

    def _step_given(self, x: Tensor, output: Tensor, step_inputs: Mapping[str, Tensor]) -> Tensor:
        for name, value in step_inputs.items():
            if not isinstance(value, Tensor):
                raise KindError(f"expected step input {name} as a tensor, got {type(value).__name__}")
        given = {name: dense(value.detach()) for name, value in step_inputs.items()}
        x = x.detach()
        below: Any = x.detach()
        for stepper in self.steppers[:-1]:
            below = stepper.step(below, None, given)
        return self.steppers[-1].step(below, output, given)

    def _check(self, name: str, value: Tensor, shape: tuple[int, ...]) -> None:
        if not isinstance(value, Tensor):
            raise KindError(f"expected {name} as a tensor, got {type(value).__name__}")
        if value.shape != shape or value.dtype is not self.dtype or not value.is_cpu or value.layout != torch.strided:
            got = f"{tuple(value.shape)} of {value.dtype} on {value.device}"
            raise ShapeError(f"expected {name} of shape {shape}, {self.dtype}, on the CPU; got {got}")

    @property
    def state(self) -> Any:
        """A copy of the present states in the layer's form, [layers, B, W]; assign to go on from there."""
        found = [stepper.state for stepper in self.steppers]
        values = tuple(torch.stack([torch.from_numpy(one[name]) for one in found]) for name in self.states)
        return values[0] if len(values) == 1 else values

    @state.setter
    def state(self, state: Any) -> None:
        values = (state,) if len(self.states) == 1 else state
        if not isinstance(values, tuple | list) or len(values) != len(self.states):
            raise ShapeError(f"expected the states {', '.join(self.states)} as a tuple, got {type(state).__name__}")
        like = torch.empty(0, dtype=self.dtype)
        for name, value in zip(self.states, values, strict=True):
            shape = (len(self.steppers), *self.steppers[0].state[name].shape)
            check_tensor(f"state {name}", value, shape, like)
        for row, stepper in enumerate(self.steppers):
            stepper.state = {n: _array(v[row]) for n, v in zip(self.states, values, strict=True)}

    def reset(self, rows: Any = None) -> None:
        """Return to the layer's initial states: all rows, or those that a mask [B] or a list of numbers names."""
        for row, stepper in enumerate(self.steppers):
            stepper.reset(rows)
            if self._learned:
                state = stepper.state
                for name, value in self._learned.items():
                    state[name][slice(None) if rows is None else np.asarray(rows)] = value[row]
                stepper.state = state


def _array(value: Tensor) -> np.ndarray:
    return dense(value.detach()).numpy()
