"""All layers and directions in one call of the native core, where no gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.native.engine import STORAGES, _core, threads
from keepgate.scan.arguments import Arguments, Result
from keepgate.scan.autograd import Spec, differentiable_scan
from keepgate.scan.buffers import Native, places_of
from keepgate.scan.checks import dense
from keepgate.scan.memory import addresses, tensor_maker, tensor_reader
from keepgate.scan.native import spec_of
from keepgate.scan.torch_private import unwrap_dead_wrappers

__all__ = ["Row", "Stack", "run_layers", "run_plain", "stack_of"]


class Row(NamedTuple):
    """One layer in one direction.

    Attributes:
        input_size: the width of what it reads.
        names: of its parameters in the layer, in the order of the scan's tensors.
        shapes: which they must have.
        spec: what its scan is.
        native: the core at its sizes.
    """

    input_size: int
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    spec: Spec
    native: Native


class Stack(NamedTuple):
    """What is known of a stack of layers before it is called.

    Attributes:
        dtype: of all tensors.
        rows: the layers and directions, in the order of the states.
        directions: 1 or 2.
        storage: of packed weights.
        widths: of the states, by name.
        core: runs them all where no gradient is wanted. It keeps their packed weights, and uses them again where every
            byte of the weights is as it was.
    """

    dtype: torch.dtype
    rows: tuple[Row, ...]
    directions: int
    storage: str
    widths: Mapping[str, int]
    core: Any

    def zeros(self, x: Tensor) -> dict[str, Tensor]:
        """Return initial states of zeros by name, [R, B, W]: rows of one width are one tensor."""
        batch, count = x.shape[1], len(self.rows)
        zeros = {width: x.new_zeros(batch, width).expand(count, batch, width) for width in set(self.widths.values())}
        return {name: zeros[width] for name, width in self.widths.items()}

    def run_row(
        self, number: int, arguments: Arguments, x: Tensor, values: Iterable[Tensor], seed: int | None
    ) -> Result:
        """Run one layer in one direction, with gradients.

        Args:
            number: of the row.
            arguments: of the first layer, with states [R, B, W] by name.
            x: what this one reads.
            values: its parameters, by `Row.names`.
            seed: of its random bits, if it draws any.
        """
        a, row = arguments, self.rows[number]
        spec, native = row.spec, row.native
        if seed is not None or a.falling:
            spec = replace(spec, seed=seed, falling=a.falling, rows=a.rows)
        tensors = [a.lengths, a.reset, x]
        for name in native.states:
            tensors.append(a.state[name][number])
        for name in native.step_inputs:
            tensors.append(a.step_inputs[name])
        results = differentiable_scan(spec, (*tensors, *values))
        return Result({native.states[0]: results[0]}, dict(zip(native.states, results[1:], strict=False)))


def stack_of(
    equations: Equations,
    names: Sequence[Mapping[str, str]],
    input_size: int,
    hidden_size: int,
    directions: int,
    dtype: torch.dtype,
    recompute: bool,
    storage: str = "full",
    held: bool = False,
) -> Stack:
    """Return layers ready to be called.

    Args:
        equations: of the cell.
        names: of the parameters of each layer and direction, in the equations and in the layer.
        input_size: I.
        hidden_size: H.
        directions: 1 or 2.
        dtype: of all tensors.
        recompute: keep less for the gradient.
        storage: of packed weights; see `keepgate.native.Stepper` and `Arguments`.
        held: without a gradient, the weights of the first call are those of all.
    """
    size, output = equations.resolve(input_size, hidden_size), equations.states[0]
    widths = {state: size[width] for state, width in equations.widths.items()}
    rows = []
    for number, row in enumerate(names):
        inputs = input_size if number < directions else widths[output] * directions
        shapes = {parameter.name: parameter.shape for parameter in equations.parameters(inputs, hidden_size)}
        spec, native = spec_of(
            equations, tuple(row), inputs, hidden_size, number % directions == 1, (output,), recompute, storage
        )
        rows.append(Row(inputs, tuple(row.values()), tuple(map(shapes.__getitem__, row)), spec, native))
    how = (held, STORAGES.index(storage))
    wide = dtype is torch.float64
    core = _core.Layers(tensor_reader(), tensor_maker(), wide, directions, [*map(_core_row, rows)], *how)
    return Stack(dtype, tuple(rows), directions, storage, widths, core)


def _core_row(row: Row) -> tuple[Any, ...]:
    """Return a row as the core takes it: places of parameters among its names."""
    at = places_of(row.native.engine, row.spec.names)
    places = [[max(place - at.parameters, -1) for place in part] for part in (at.weights, at.biases, at.vectors)]
    return row.native.engine.plan, row.names, row.shapes, *places


def run_layers(
    stack: Stack,
    arguments: Arguments,
    parameters: Mapping[str, Any],
    checked: Callable[[], Sequence[Sequence[Tensor]]],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the output of the last layer, [T, B, D * W], and the final states by name, [R, B, W].

    Args:
        stack: what the layers are.
        arguments: of the first layer, but for the states: [R, B, W] by name; none where they are zeros.
        parameters: all of the layer, by name, as they are.
        checked: returns those of each layer and direction, by `Row.names`, where one of them is no plain tensor.
    """
    a = arguments
    native = stack.rows[0].native
    state = [a.state[name] for name in native.states] if a.state else []
    given = [a.step_inputs[name] for name in native.step_inputs]
    lengths = None if a.lengths is None else dense(a.lengths.to(torch.int32))
    reset = None if a.reset is None else dense(a.reset)
    results = run_plain(stack, parameters, a.x, state, given, addresses((lengths, reset)))
    if results is None:
        rows = zip(stack.rows, checked(), strict=True)
        by_name = {n: dense(v) for row, values in rows for n, v in zip(row.names, values, strict=True)}
        x, *rest = map(dense, unwrap_dead_wrappers((a.x, *state, *given)))
        results = run_plain(stack, by_name, x, rest[: len(state)], rest[len(state) :], addresses((lengths, reset)))
    if results is None:
        raise InputError("the core cannot read the memory of a tensor; give plain tensors")
    output, final = results
    return output, dict(zip(native.states, final, strict=True))


def run_plain(
    stack: Stack,
    parameters: Mapping[str, Any],
    x: Tensor,
    state: Sequence[Tensor],
    given: Sequence[Tensor] = (),
    masks: Sequence[int] = (0, 0),
) -> tuple[Tensor, tuple[Tensor, ...]] | None:
    """Do what `run_layers` does in one call of the core; None where a tensor is not as wanted or no plain one.

    The final states are in the core's order.

    Args:
        stack: what the layers are.
        parameters: all of the layer, by name.
        x: [T, B, I].
        state: [R, B, W] in the core's order; none where they are zeros.
        given: step inputs in the core's order.
        masks: where lengths of int32, which fall, and resets lie; 0: there are none.
    """
    return stack.core.run(parameters, x, state, given, *masks, threads(torch.get_num_threads()))
