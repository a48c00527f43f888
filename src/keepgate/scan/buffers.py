"""The buffers of a call of the native core: dense, in the core's order of rows, and alive until it returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from keepgate.native.engine import STORAGES, Engine, _core
from keepgate.scan.autograd import Results, Spec, Tensors
from keepgate.scan.checks import dense
from keepgate.scan.memory import Buffers, addresses, room, strides
from keepgate.scan.order import Order

__all__ = ["Native"]

SEGMENT_ROWS = 512  # at least, between checkpoints


class _Call:
    """One call of the core: holds every buffer whose address the core receives.

    The buffers of a population have one more dimension, of its networks, before all others; it has a stride of 0 where
    all have one buffer in common. Other axes are counted from the end.
    """

    def __init__(self, native: Native, spec: Spec, networks: tuple[int, ...], tensors: Tensors) -> None:
        self.native, self.spec, self.engine, self.networks = native, spec, native.engine, networks
        lengths, reset, x, initial, given, values = spec.split(tensors)
        self.order = Order(None if spec.falling else self.common(lengths))
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
            rows = spec.rows if self.order.rows is None else self.order.rows
            rows = torch.arange(self.rows) if rows is None else rows
            self.row_numbers = rows.to(torch.int32).expand(*networks, self.rows)
        self.scan, self.strides = _core.Scan(), _core.Buffers()

    def shared(self, value: Tensor) -> bool:
        """Return whether the networks of a population have this in common."""
        return bool(self.networks) and value.stride(0) == 0

    def common(self, value: Tensor | None) -> Tensor | None:
        """Return what the networks of a population have in common once, anything else as it is."""
        return value[0] if value is not None and self.shared(value) else value

    def dense(self, value: Tensor) -> Tensor:
        """Return a tensor dense; what networks have in common, once for all."""
        return dense(value[0]).expand(value.shape) if self.shared(value) else dense(value)

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return a tensor dense, its rows in the core's order; what networks have in common, once for all."""
        if self.shared(value) and not self.order.differs:
            return self.order.sort(dense(value[0]), dim).expand(value.shape)
        return self.order.sort(dense(value), dim)

    def room(self, *shape: int) -> Tensor:
        """Return a tensor for each network that is not set to anything."""
        return room(self.x, (*self.networks, *shape))

    def segment_steps(self) -> int:
        """Return the number of steps between checkpoints; 0 where all steps are kept.

        About sqrt(T) takes the least memory; but segments shorter than the core's own chunks of rows save little more.
        """
        least = max(math.isqrt(self.steps), SEGMENT_ROWS // max(self.rows, 1))
        return least if self.spec.recompute and least < self.steps else 0

    def begin(self, keep: bool) -> None:
        """Take room for the states and, to keep what a gradient needs, for the tape."""
        self.segment = self.segment_steps() if keep else 0
        whole = keep and not self.segment
        self.rings = [not whole and name not in self.spec.record for name in self.engine.states]
        lengths = [2 if ring else self.steps + 1 for ring in self.rings]
        self.states = [self.room(n, self.rows, w) for n, w in zip(lengths, self.engine.widths, strict=True)]
        self.tape = [self.room(self.steps, self.rows, width) for width in self.engine.kept_widths if whole]
        count = -(-self.steps // self.segment) + 1 if self.segment else 0
        self.checkpoints = [self.room(count, self.rows, width) for width in self.engine.widths if count]

    def resume(self, stored: Tensors) -> None:
        """Take up what the forward pass stored."""
        count, dense = len(self.engine.states), [self.dense(value) for value in stored]
        self.segment = self.segment_steps()
        self.checkpoints, dense = (dense, []) if self.segment else ([], dense)
        self.states, self.tape = dense[:count], dense[count:]
        self.rings = [False] * len(self.states)

    def lay(self, **buffers: Buffers) -> None:
        """Tell the core where buffers lie, by the names that it has for them."""
        for name, value in buffers.items():
            setattr(self.scan, name, addresses(value))
            if self.networks:
                setattr(self.strides, name, strides(value))

    def ready(self) -> Any:
        """Return what both passes of the core take."""
        spec, engine, scan = self.spec, self.engine, self.scan
        scan.networks = self.networks[0] if self.networks else 1
        scan.steps, scan.rows, scan.segment = self.steps, self.rows, self.segment
        scan.wide = self.x.dtype == torch.float64
        scan.reverse, scan.training = spec.reverse, spec.seed is not None
        scan.rings, scan.keys = self.rings, engine.keys(spec.seed)
        scan.threads, scan.storage = self.native.threads, STORAGES.index(self.native.storage)
        self.lay(
            weights=[self.parameters[f"weight_{block}"] for block in engine.blocks],
            biases=[self.parameters.get(f"bias_{block}") for block in engine.biases],
            x=self.x,
            initial=self.initial,
            lengths=self.lengths,
            reset=self.reset,
            row_numbers=self.row_numbers,
            step_inputs=self.given,
            vectors=[self.parameters[name] for name in engine.vectors],
            states=self.states,
            tape=self.tape,
            checkpoints=self.checkpoints,
        )
        scan.strides = self.strides
        return scan

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

    def begin_backward(self, cotangents: Sequence[Tensor | None]) -> None:
        """Take the cotangents, and room for the gradients."""
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
        self.lay(
            d_states=self.d_states,
            d_final=self.d_final,
            dx=self.dx,
            d_initial=self.d_initial,
            d_step_inputs=self.d_given,
            d_weights=[self.d_parameters[f"weight_{block}"] for block in engine.blocks],
            d_biases=[self.d_parameters.get(f"bias_{block}") for block in engine.biases],
            d_vectors=[self.d_parameters[name] for name in engine.vectors],
        )

    def gradients(self) -> Results:
        """Return the gradients in the order of the tensors."""
        unsort = self.order.unsort
        initial = (unsort(t, -2) for t in self.d_initial)
        given = (unsort(t, -2) for t in self.d_given)
        return (unsort(self.dx, -2), *initial, *given, *self.d_parameters.values())


@dataclass(frozen=True)
class Native:
    """The native core as a backend; see `keepgate.scan.autograd.Backend`.

    Attributes:
        engine: the compiled cell.
        threads: of a pass.
        storage: of the packed weights, where no gradient is wanted; see `keepgate.native.Stepper`.
    """

    compiled: ClassVar[bool] = False

    engine: Engine
    threads: int = 1
    storage: str = "full"

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the core's order."""
        return self.engine.states

    @property
    def step_inputs(self) -> tuple[str, ...]:
        """The step inputs in the core's order."""
        return self.engine.step_inputs

    @property
    def draws(self) -> bool:
        """Whether the cell draws random bits."""
        return self.engine.streams > 0

    def run_forward(self, spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
        """Run a network, or a population."""
        call = _Call(self, spec, networks, tensors)
        call.begin(keep)
        _core.forward(self.engine.plan, call.ready())
        return call.results()

    def run_backward(
        self, spec: Spec, networks: tuple[int, ...], tensors: Tensors, stored: Tensors, cotangents: Tensors
    ) -> Results:
        """Run what `run_forward` ran backward."""
        call = _Call(self, spec, networks, tensors)
        call.resume(stored)
        call.begin_backward(cotangents)
        _core.backward(self.engine.plan, call.ready())
        return call.gradients()
