"""The buffers of a call of the native core: dense, in the core's order of rows, and alive until it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import Engine

__all__ = ["Results", "Spec", "run_backward", "run_forward"]

SMALL = 1 << 16  # bytes

Tensors = Sequence[Any]  # of one network: lengths or None, reset or None, then what has a gradient
Results = tuple[Tensor, ...]
Split = tuple[Tensor | None, Tensor | None, Tensor, Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]


@dataclass(eq=False)
class Spec:
    """What one scan is, apart from its tensors.

    Attributes:
        names: of the parameters, in the order of the tensors.
        seed: a number or None; a tensor where the passes are operators.
        text: the equations' own, where the passes are to be operators of torch.
    """

    equations: Equations
    engine: Engine
    names: tuple[str, ...]
    reverse: bool
    seed: Any
    record: tuple[str, ...]
    threads: int = 1
    text: str | None = None

    @property
    def result_count(self) -> int:
        """Number of results: recorded states, then final states."""
        return len(self.record) + len(self.engine.states)

    def split(self, tensors: Tensors) -> Split:
        """Split the tensors of a scan into lengths, reset, x, states, step inputs and parameters."""
        lengths, reset, x, *rest = tensors
        states = len(self.engine.states)
        given = states + len(self.engine.step_inputs)
        return lengths, reset, x, rest[:states], rest[states:given], rest[given:]

    @property
    def axes(self) -> tuple[int, ...]:
        """Where the rows are in each of the tensors that have rows: all but the parameters."""
        return (0, 1, 1, *[0] * len(self.engine.states), *[1] * len(self.engine.step_inputs))


class _Order:
    """The order of falling lengths that the core needs; none where rows are in it already."""

    def __init__(self, lengths: Tensor | None) -> None:
        self.order = self.back = None
        if lengths is not None and bool((lengths[1:] > lengths[:-1]).any()):
            self.order = torch.argsort(lengths, descending=True, stable=True)
            self.back = torch.argsort(self.order)

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the core's order, dense."""
        return value.contiguous() if self.order is None else _picked(value, dim, self.order)

    def unsort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the caller's order."""
        return value if self.back is None else _picked(value, dim, self.back)


class _Call:
    """One network's call: holds every buffer whose address the core receives."""

    def __init__(self, spec: Spec, tensors: Tensors) -> None:
        self.spec, self.engine = spec, spec.engine
        lengths, reset, x, initial, given, values = spec.split(tensors)
        self.order = _Order(lengths)
        sort = self.order.sort
        self.x = sort(x, 1)
        self.steps, self.rows = x.shape[:2]
        self.initial = initial
        self.given = [sort(value, 1) for value in given]
        self.parameters = dict(zip(spec.names, (value.contiguous() for value in values), strict=True))
        self.lengths = None if lengths is None else sort(lengths, 0).to(torch.int32)
        self.reset = None if reset is None else sort(reset, 1)
        self.row_numbers = None
        if self.engine.streams:
            order = torch.arange(self.rows) if self.order.order is None else self.order.order
            self.row_numbers = order.to(torch.int32)

    def begin(self, keep: bool) -> None:
        """Take room for the states and, to keep what a gradient needs, for the tape."""
        x, first = self.x, self.steps if self.spec.reverse else 0
        may_forget = not keep and self.reset is None
        self.rings = [may_forget and name not in self.spec.record for name in self.engine.states]
        self.states = []
        for width, ring, value in zip(self.engine.widths, self.rings, self.initial, strict=True):
            state = _room(x, (2 if ring else self.steps + 1, self.rows, width))
            state[first % len(state)] = self.order.sort(value, 0)
            self.states.append(state)
        widths = self.engine.kept_widths if keep else ()
        self.tape = [_room(x, (self.steps, self.rows, width)) for width in widths]

    def pack(self, packed: dict[tuple[int, ...], Any], backward: bool) -> None:
        """Take the weights in the order in which a pass reads them, once for all networks that share them.

        They are packed anew in every pass: a tensor's version does not tell whether it has changed, for fused
        optimisers and writes through `.data` leave it.
        """
        weights = [self.parameters[f"weight_{block}"].data_ptr() for block in self.engine.blocks]
        biases = [_address(self.parameters.get(f"bias_{block}")) for block in self.engine.biases]
        place = (*weights, *biases)
        if place not in packed:
            double = self.x.dtype == torch.float64
            packed[place] = self.engine.pack(double, weights, biases, backward, self.spec.threads)
        self.packed = packed[place]

    def resume(self, stored: Tensors) -> None:
        """Take up what the forward pass stored."""
        count = len(self.engine.states)
        self.states, self.tape = [t.contiguous() for t in stored[:count]], [t.contiguous() for t in stored[count:]]
        self.rings = [False] * count

    def arguments(self) -> tuple[Any, ...]:
        """Return what both passes of the core take."""
        spec, engine = self.spec, self.engine
        inputs = (
            self.x.data_ptr(),
            [t.data_ptr() for t in self.states],
            self.rings,
            _address(self.lengths),
            _address(self.reset),
            _address(self.row_numbers),
            [t.data_ptr() for t in self.given],
            [self.parameters[name].data_ptr() for name in engine.vectors],
            engine.keys(spec.seed),
            [t.data_ptr() for t in self.tape],
        )
        return self.packed, (self.steps, self.rows, spec.reverse, spec.seed is not None), inputs

    def results(self) -> Results:
        """Return the recorded states, the final states, and what was stored."""
        recorded = [self._sequence(name) for name in self.spec.record]
        return (*recorded, *(self.order.unsort(s, 0) for s in self._final()), *self.states, *self.tape)

    def _sequence(self, name: str) -> Tensor:
        state = self.states[self.engine.states.index(name)]
        steps = state[: self.steps] if self.spec.reverse else state[1:]
        if self.lengths is not None and name != self.engine.states[0]:  # the core zeroes the output itself
            ended = torch.arange(self.steps)[:, None] >= self.lengths
            steps = steps.masked_fill(ended[:, :, None], 0.0)
        return self.order.unsort(steps, 1)

    def _final(self) -> list[Tensor]:
        """Return the state after each row's last step in the walk; for rows without a step, the initial state."""
        if self.lengths is None:
            last = 0 if self.spec.reverse else self.steps
            return [state[last % len(state)].clone() for state in self.states]
        at = self.lengths.long()
        if self.spec.reverse:
            at = torch.where(at > 0, 0, self.steps)
        rows = torch.arange(self.rows)
        return [state[at % len(state), rows] for state in self.states]

    def begin_backward(self, cotangents: Sequence[Tensor | None]) -> tuple[Any, ...]:
        """Take room for the gradients; return what the core's backward pass takes besides `arguments`."""
        engine, record, sort = self.engine, self.spec.record, self.order.sort
        steps = {name: c for name, c in zip(record, cotangents, strict=False) if c is not None}
        self.d_states = [sort(steps[name], 1) if name in steps else None for name in engine.states]
        self.d_final = [None if c is None else sort(c, 0) for c in cotangents[len(record) :]]
        every_row = engine.reads_x and self.lengths is None  # else some rows are left as they are
        self.dx = _room(self.x, self.x.shape)
        if not every_row:
            self.dx.zero_()
        self.d_initial = [self.x.new_zeros(self.rows, width) for width in engine.widths]
        self.d_given = [torch.zeros_like(value) for value in self.given]
        self.d_parameters = {
            name: _room(value, value.shape) if name.startswith("weight_") else torch.zeros_like(value)
            for name, value in self.parameters.items()
        }
        gradients = (
            self.dx.data_ptr(),
            [t.data_ptr() for t in self.d_initial],
            [t.data_ptr() for t in self.d_given],
            [self.d_parameters[f"weight_{block}"].data_ptr() for block in engine.blocks],
            [_address(self.d_parameters.get(f"bias_{block}")) for block in engine.biases],
            [self.d_parameters[name].data_ptr() for name in engine.vectors],
        )
        return ([_address(t) for t in self.d_states], [_address(t) for t in self.d_final]), gradients

    def gradients(self) -> Results:
        """Return the gradients in the order of the tensors."""
        unsort = self.order.unsort
        initial = (unsort(t, 0) for t in self.d_initial)
        given = (unsort(t, 1) for t in self.d_given)
        return (unsort(self.dx, 1), *initial, *given, *self.d_parameters.values())


def run_forward(spec: Spec, keep: bool, networks: Sequence[Tensors]) -> list[Results]:
    """Run networks of one kind; return each one's results and, if ``keep``, what its gradient needs."""
    calls, packed = [_Call(spec, tensors) for tensors in networks], {}
    for call in calls:
        call.begin(keep)
        call.pack(packed, backward=False)
    core.forward(spec.engine, [call.arguments() for call in calls], spec.threads)
    return [call.results() for call in calls]


def run_backward(spec: Spec, networks: Sequence[tuple[Tensors, Tensors, Tensors]]) -> list[Results]:
    """Run networks of one kind backward: of each the tensors, what was stored, and the cotangents of its results.

    Returns each one's gradients.
    """
    calls, packed = [_Call(spec, tensors) for tensors, _, _ in networks], {}
    rows = []
    for call, (_, stored, cotangents) in zip(calls, networks, strict=True):
        call.resume(stored)
        call.pack(packed, backward=True)
        rows.append((*call.arguments(), *call.begin_backward(cotangents)))
    core.backward(spec.engine, rows, spec.threads)
    return [call.gradients() for call in calls]


def _picked(value: Tensor, dim: int, rows: Tensor) -> Tensor:
    return torch.index_select(value, dim, rows, out=_room(value, value.shape))


def _room(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor that is not set to anything; a large one lies in memory that the core keeps for reuse."""
    count = prod(shape) * like.element_size()
    if count < SMALL:
        return like.new_empty(shape)
    return torch.from_numpy(core.room(count)).view(like.dtype).view(shape)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
