"""Layers of a cell over arrays, on the native core's steppers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from keepgate.native import Stepper
from keepgate.networks import Recurrent

__all__ = ["layers", "reversed_within", "steppers"]

State = dict[str, np.ndarray]


def layers(
    block: Recurrent,
    tensors: Mapping[str, np.ndarray],
    x: np.ndarray,
    lengths: np.ndarray | None,
    states: Sequence[np.ndarray | None],
) -> tuple[np.ndarray, ...]:
    """Return the output of x, and the final states [B, R, W].

    Args:
        block: what the layers are.
        tensors: by name.
        x: [B, T, I], or [T, B, I] if time comes first.
        lengths: [B], or None: all are T.
        states: the initial ones [B, R, W]; those that are None or absent are zeros.
    """
    x = x if block.time_first else x.swapaxes(0, 1)
    batch, dtype = x.shape[1], x.dtype
    initial_states = dict(zip(block.widths, states, strict=False))
    initial = {}
    for name, width in block.widths.items():
        state = initial_states.get(name)
        initial[name] = np.zeros((batch, len(block.suffixes), width), dtype) if state is None else state
    final = {name: value.copy() for name, value in initial.items()}
    lengths = np.full(batch, len(x)) if lengths is None else lengths
    rows = steppers(block, tensors, batch, dtype) if batch else []
    for layer in range(block.num_layers if batch else 0):
        outputs = []
        for direction in range(block.directions):
            row = layer * block.directions + direction
            rows[row].state = {name: value[:, row] for name, value in initial.items()}
            walked = reversed_within(x, lengths) if direction else np.ascontiguousarray(x)
            output, ended = _walk(rows[row], walked, lengths)
            outputs.append(reversed_within(output, lengths) if direction else output)
            for name, value in ended.items():
                final[name][:, row] = value
        x = np.concatenate(outputs, -1)
    x = x if batch else np.zeros((len(x), 0, block.output_size), dtype)
    return (x if block.time_first else x.swapaxes(0, 1), *final.values())


def steppers(block: Recurrent, tensors: Mapping[str, np.ndarray], batch: int, dtype: np.dtype) -> list[Stepper]:
    """Return a stepper for each layer and direction, in the order of the states."""
    rows = []
    for k, (row, suffix) in enumerate(zip(block.rows(), block.suffixes, strict=True)):
        size = block.input_size if k < block.directions else block.output_size
        weights = {name: tensors[name + suffix] for name in row}
        rows.append(Stepper(block.equations, size, block.hidden_size, weights, batch, dtype))
    return rows


def reversed_within(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return x [T, B, ...] with each row's steps within its length from the last to the first."""
    steps = np.arange(len(x))[:, None]
    places = np.where(steps < lengths, lengths - 1 - steps, steps)
    return x[places, np.arange(x.shape[1])]


def _walk(stepper: Stepper, x: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, State]:
    """Return the outputs [T, B, W] of x [T, B, I], and the state of each row at its length."""
    output = np.empty((*x.shape[:2], stepper.output_size), x.dtype)
    final = stepper.state
    source, target = x.ctypes.data, output.ctypes.data
    for t in range(len(x)):
        stepper.step_at(source + t * x.strides[0], target + t * output.strides[0])
        if (ending := lengths == t + 1).any():
            for name, value in stepper.state.items():
                final[name][ending] = value[ending]
    output[np.arange(len(x))[:, None] >= lengths] = 0.0
    return output, final
