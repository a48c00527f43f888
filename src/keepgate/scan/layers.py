"""All layers and directions in one call of the native core, where no gradient is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native.engine import _core
from keepgate.scan.arguments import Arguments, Result
from keepgate.scan.autograd import Spec, differentiable_scan
from keepgate.scan.buffers import Call, Native
from keepgate.scan.memory import empty
from keepgate.scan.native import spec_of

__all__ = ["Row", "Stack", "run_layers", "stack_of"]


class Row(NamedTuple):
    """One layer in one direction.

    Attributes:
        input_size: the width of what it reads.
        names: of its parameters in the layer, in the order of the scan's tensors.
        shapes: which they must have.
        spec: what its scan is.
        native: the core at its sizes.
        kept: its packed weights, which the core uses again where they are as they were.
    """

    input_size: int
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    spec: Spec
    native: Native
    kept: Any


class Stack(NamedTuple):
    """What is known of a stack of layers before it is called.

    Attributes:
        dtype: of all tensors.
        rows: the layers and directions, in the order of the states.
        directions: 1 or 2.
        widths: of the states, by name.
    """

    dtype: torch.dtype
    rows: tuple[Row, ...]
    directions: int
    widths: Mapping[str, int]

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
    """
    size, output = equations.resolve(input_size, hidden_size), equations.states[0]
    widths = {state: size[width] for state, width in equations.widths.items()}
    rows = []
    for number, row in enumerate(names):
        inputs = input_size if number < directions else widths[output] * directions
        shapes = {parameter.name: parameter.shape for parameter in equations.parameters(inputs, hidden_size)}
        spec, native = spec_of(
            equations, tuple(row), inputs, hidden_size, number % directions == 1, (output,), recompute
        )
        rows.append(
            Row(inputs, tuple(row.values()), tuple(map(shapes.__getitem__, row)), spec, native, _core.KeptWeights())
        )
    return Stack(dtype, tuple(rows), directions, widths)


def run_layers(
    stack: Stack, arguments: Arguments, values: Sequence[Sequence[Tensor]]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the output of the last layer, [T, B, D * W], and the final states by name, [R, B, W].

    Args:
        stack: what the layers are.
        arguments: of the first layer, but for the states: [R, B, W] by name; none where they are zeros.
        values: the parameters of each layer and direction, by `Row.names`.
    """
    a, x = arguments, arguments.x
    (steps, batch, _), item = x.shape, x.element_size()
    lengths = None if a.lengths is None else a.lengths.to(torch.int32)
    names, output = stack.rows[0].native.states, stack.rows[0].spec.record[0]
    final = {name: x.new_empty(len(stack.rows), batch, width) for name, width in stack.widths.items()}
    ends = [(final[name].data_ptr(), batch * stack.widths[name] * item) for name in names]
    calls, scans, joined = [], [], x
    for number, (row, parameters) in enumerate(zip(stack.rows, values, strict=True)):
        direction = number % stack.directions
        initial = [a.state[name][number] for name in names] if a.state else [None] * len(names)
        given = [a.step_inputs[name] for name in row.native.step_inputs] if a.step_inputs else ()
        spec = replace(row.spec, falling=True, rows=a.rows) if a.falling else row.spec
        call = Call(row.native, spec, (), (lengths, a.reset, x, *initial, *given, *parameters))
        call.scan.kept = row.kept
        call.begin(False, [start + number * bytes_each for start, bytes_each in ends])
        if stack.directions == 2:
            width = stack.widths[output]
            joined = joined if direction else empty(x, (steps, batch, 2 * width))
            call.scan.output = joined.data_ptr() + direction * width * item
            call.scan.output_stride = 2 * width * item
        calls.append(call)
        scans.append(call.ready())
        if direction == stack.directions - 1:
            x = joined if direction else call.sequence(output)
    _core.forward(scans)
    return x, final
