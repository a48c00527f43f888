"""The buffers of a call of the native core: dense, in the core's order of rows, and alive until it returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import Engine
from keepgate.scan.checks import dense
from keepgate.scan.layout import Buffers, Order, places, room

__all__ = ["Results", "Spec", "run_backward", "run_forward"]

SEGMENT_ROWS = 512  # at least, between checkpoints

Tensors = Sequence[Any]  # lengths or None, reset or None, then what has a gradient
Results = tuple[Tensor, ...]
Split = tuple[Tensor | None, Tensor | None, Tensor, Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]


@dataclass(eq=False)
class Spec:
    """What one scan is, apart from its tensors.

    Attributes:
        names: of the parameters, in the order of the tensors.
        seed: a number or None; a tensor where the passes are operators.
        recompute: keep only every k-th state for the gradient, and compute the steps between them again.
        text: the equations' own, where the passes are to be operators of torch.
        storage: of the packed weights, where no gradient is wanted; see `keepgate.native.Stepper`.
    """

    equations: Equations
    engine: Engine
    names: tuple[str, ...]
    reverse: bool
    seed: Any
    record: tuple[str, ...]
    threads: int = 1
    recompute: bool = False
    text: str | None = None
    storage: str = "full"

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

    def segment(self, steps: int, rows: int) -> int:
        """Return the number of steps between checkpoints; 0 where all steps are kept.

        About sqrt(T) takes the least memory; but segments shorter than the core's own chunks of rows save little more.
        """
        least = max(math.isqrt(steps), SEGMENT_ROWS // max(rows, 1))
        return least if self.recompute and least < steps else 0

    @property
    def axes(self) -> tuple[int, ...]:
        """Where the rows are in each of the tensors that have rows: all but the parameters."""
        return (0, 1, 1, *[0] * len(self.engine.states), *[1] * len(self.engine.step_inputs))


class _Call:
    """One call of the core: holds every buffer whose address the core receives.

    The buffers of a population have one more dimension, of its networks, before all others; it has a stride of 0 where
    all have one buffer in common. Other axes are counted from the end.
    """

    def __init__(self, spec: Spec, networks: tuple[int, ...], tensors: Tensors) -> None:
        self.spec, self.engine, self.networks = spec, spec.engine, networks
        lengths, reset, x, initial, given, values = spec.split(tensors)
        self.order = Order(lengths[0] if lengths is not None and self.shared(lengths) else lengths)
        sort = self.sort
        self.x = sort(x, -2)
        self.steps, self.rows = x.shape[-3:-1]
        self.initial = [sort(value, -2) for value in initial]
        self.given = [sort(value, -2) for value in given]
        self.parameters = dict(zip(spec.names, (self.dense(value) for value in values), strict=True))
        self.lengths = None if lengths is None else sort(lengths, -1).to(torch.int32)
        self.reset = None if reset is None else sort(reset, -1)
        self.row_numbers = None
        if self.engine.streams:
            order = torch.arange(self.rows) if self.order.order is None else self.order.order
            self.row_numbers = order.to(torch.int32).expand(*networks, self.rows)

    def shared(self, value: Tensor) -> bool:
        """Return whether the networks of a population have this in common."""
        return bool(self.networks) and value.stride(0) == 0

    def dense(self, value: Tensor) -> Tensor:
        """Return a tensor dense; what networks have in common, once for all."""
        return dense(value[0]).expand(value.shape) if self.shared(value) else dense(value)

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return a tensor dense, its rows in the core's order; what networks have in common, once for all."""
        if self.shared(value) and not self.order.differs:
            return self.order.sort(value[0], dim).expand(value.shape)
        return self.order.sort(value, dim)

    def room(self, *shape: int) -> Tensor:
        """Return a tensor for each network that is not set to anything."""
        return room(self.x, (*self.networks, *shape))

    def begin(self, keep: bool) -> None:
        """Take room for the states and, to keep what a gradient needs, for the tape; pack the weights."""
        self.segment = self.spec.segment(self.steps, self.rows) if keep else 0
        whole = keep and not self.segment
        self.rings = [not whole and name not in self.spec.record for name in self.engine.states]
        lengths = [2 if ring else self.steps + 1 for ring in self.rings]
        self.states = [self.room(n, self.rows, w) for n, w in zip(lengths, self.engine.widths, strict=True)]
        self.tape = [self.room(self.steps, self.rows, width) for width in self.engine.kept_widths if whole]
        count = -(-self.steps // self.segment) + 1 if self.segment else 0
        self.checkpoints = [self.room(count, self.rows, width) for width in self.engine.widths if count]
        self.packed = self.pack(forward=True, backward=False)

    def resume(self, stored: Tensors) -> None:
        """Take up what the forward pass stored."""
        count, dense = len(self.engine.states), [self.dense(value) for value in stored]
        self.segment = self.spec.segment(self.steps, self.rows)
        self.checkpoints, dense = (dense, []) if self.segment else ([], dense)
        self.states, self.tape = dense[:count], dense[count:]
        self.rings = [False] * len(self.states)
        self.packed = self.pack(forward=self.segment > 0, backward=True)

    def pack(self, forward: bool, backward: bool) -> Any:
        """Return the weights in the order in which the passes read them, once for all networks that share them.

        They are packed anew in every pass: a tensor's version does not tell whether it has changed, for fused
        optimizers and writes through `.data` leave it.
        """
        weights = [self.parameters[f"weight_{block}"] for block in self.engine.blocks]
        biases = [self.parameters.get(f"bias_{block}") for block in self.engine.biases]
        at, strides = self.places(weights, biases)
        differ = self.networks and any(any(row) for row in strides)
        double, count = self.x.dtype == torch.float64, self.networks[0] if differ else 1
        spec, passes = self.spec, (forward, backward)
        return self.engine.pack(double, count, (at, strides), passes, spec.threads, spec.storage)

    def places(self, *buffers: Buffers) -> tuple[Any, Any]:
        """Return where buffers lie."""
        return places(buffers, bool(self.networks))

    def arguments(self) -> tuple[Any, Any, Any]:
        """Return what both passes of the core take."""
        spec, engine = self.spec, self.engine
        networks = self.networks[0] if self.networks else 1
        training, keys = spec.seed is not None, engine.keys(spec.seed)
        shape = (networks, self.steps, self.rows, spec.reverse, training, self.segment, self.rings, keys)
        inputs = self.places(
            self.x,
            self.initial,
            self.lengths,
            self.reset,
            self.row_numbers,
            self.given,
            [self.parameters[name] for name in engine.vectors],
            self.states,
            self.tape,
            self.checkpoints,
        )
        return self.packed, shape, inputs

    def results(self) -> Results:
        """Return the recorded states, the final states, and what was stored."""
        recorded = [self._sequence(name) for name in self.spec.record]
        stored = self.checkpoints or (*self.states, *self.tape)
        return (*recorded, *(self.order.unsort(s, -2) for s in self._final()), *stored)

    def _sequence(self, name: str) -> Tensor:
        state = self.states[self.engine.states.index(name)]
        steps = state.narrow(-3, 0 if self.spec.reverse else 1, self.steps)
        if self.lengths is not None and name != self.engine.states[0]:  # the core zeroes the output itself
            ended = torch.arange(self.steps)[:, None] >= self.lengths[..., None, :]
            steps = steps.masked_fill(ended[..., None], 0.0)
        return self.order.unsort(steps, -2)

    def _final(self) -> list[Tensor]:
        """Return the state after each row's last step in the walk; for rows without a step, the initial state."""
        last = 0 if self.spec.reverse else self.steps
        at = None
        if self.lengths is not None:
            at = self.lengths.long()[..., None, :, None]
            at = torch.where(at > 0, 0, self.steps) if self.spec.reverse else at
        final = []
        for i, (state, ring) in enumerate(zip(self.states, self.rings, strict=True)):
            if ring and self.checkpoints:
                final.append(self.checkpoints[i].select(-3, -1).clone())
            elif at is None:
                final.append(state.select(-3, last % state.shape[-3]).clone())
            else:
                final.append(state.take_along_dim(at % state.shape[-3], -3).squeeze(-3))
        return final

    def begin_backward(self, cotangents: Sequence[Tensor | None]) -> tuple[Any, Any]:
        """Take room for the gradients; return what the core's backward pass takes besides `arguments`."""
        engine, record, sort = self.engine, self.spec.record, self.sort
        steps = {name: c for name, c in zip(record, cotangents, strict=False) if c is not None}
        self.d_states = [sort(steps[name], -2) if name in steps else None for name in engine.states]
        self.d_final = [None if c is None else sort(c, -2) for c in cotangents[len(record) :]]
        every_row = engine.reads_x and self.lengths is None  # else some rows are left as they are
        self.dx = room(self.x, self.x.shape)
        if not every_row:
            self.dx.zero_()
        self.d_initial = [value.new_zeros(value.shape) for value in self.initial]
        self.d_given = [value.new_zeros(value.shape) for value in self.given]
        self.d_parameters = {
            name: room(value, value.shape) if name.startswith("weight_") else value.new_zeros(value.shape)
            for name, value in self.parameters.items()
        }
        return self.places(
            self.d_states,
            self.d_final,
            self.dx,
            self.d_initial,
            self.d_given,
            [self.d_parameters[f"weight_{block}"] for block in engine.blocks],
            [self.d_parameters.get(f"bias_{block}") for block in engine.biases],
            [self.d_parameters[name] for name in engine.vectors],
        )

    def gradients(self) -> Results:
        """Return the gradients in the order of the tensors."""
        unsort = self.order.unsort
        initial = (unsort(t, -2) for t in self.d_initial)
        given = (unsort(t, -2) for t in self.d_given)
        return (unsort(self.dx, -2), *initial, *given, *self.d_parameters.values())


def run_forward(spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
    """Run a network, or a population of ``networks`` whose tensors have a first dimension of that size.

    Returns the results and, if ``keep``, what the gradient needs.
    """
    call = _Call(spec, networks, tensors)
    call.begin(keep)
    core.forward(spec.engine, *call.arguments(), spec.threads)
    return call.results()


def run_backward(
    spec: Spec, networks: tuple[int, ...], tensors: Tensors, stored: Tensors, cotangents: Tensors
) -> Results:
    """Run what `run_forward` ran backward: of its tensors, what it stored, and the cotangents of its results.

    Returns the gradients.
    """
    call = _Call(spec, networks, tensors)
    call.resume(stored)
    core.backward(spec.engine, *call.arguments(), call.begin_backward(cotangents), spec.threads)
    return call.gradients()
