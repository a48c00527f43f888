"""The native core as a backend: the buffers of its two passes, dense, in its order of rows, alive until it returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from keepgate.native.engine import STORAGES, Engine, _core, threads
from keepgate.scan.autograd.backend import Gradients, Results, Spec, Tensors
from keepgate.scan.checks import dense
from keepgate.scan.memory import addresses, empties, located, strides
from keepgate.scan.order import UNSORTED, Order

__all__ = ["Call", "Native", "places_of"]

SEGMENT_ROWS = 512  # at least, between checkpoints


class Call:
    """One call of the core: holds every buffer whose address the core receives.

    The buffers of a population have one more dimension, of its networks, before all others; it has a stride of 0 where
    all have one buffer in common. Other axes are counted from the end.

    Args:
        native: what runs it.
        spec: what the scan is.
        networks: none, or the size of a population.
        tensors: of the scan.
    """

    def __init__(self, native: Native, spec: Spec, networks: tuple[int, ...], tensors: Tensors) -> None:
        self.native, self.spec, self.engine, self.networks = native, spec, native.engine, networks
        self.order = UNSORTED
        if networks or (tensors[0] is not None and not spec.falling):
            tensors = self._arranged(tensors)
        lengths = tensors[0]
        if lengths is not None and lengths.dtype is not torch.int32:
            tensors = (lengths.to(torch.int32), *tensors[1:])
        self.tensors, self.at = located(tensors) if not networks else (tensors, addresses(tensors))
        self.lengths, self.x = self.tensors[0], self.tensors[2]
        self.steps, self.rows = self.x.shape[-3:-1]
        self.row_numbers = self._row_numbers() if native.draws else None
        self.segment = 0
        self.scan = scan = _core.Scan()
        scan.plan = self.engine.plan
        scan.steps, scan.rows, scan.reverse = self.steps, self.rows, spec.reverse
        scan.wide = self.x.dtype is torch.float64
        if native.storage != "full":
            scan.storage = STORAGES.index(native.storage)
        scan.threads = threads(torch.get_num_threads())
        if native.draws:
            scan.training, scan.keys = spec.seed is not None, self.engine.keys(spec.seed)
        self._lay(scan, self.at)
        if networks:
            scan.networks = networks[0]
            self.strides = _core.Buffers()
            self._lay(self.strides, strides(self.tensors))
        if self.row_numbers is not None:
            self._place((self.row_numbers,), row_numbers=0)

    def _arranged(self, tensors: Tensors) -> Tensors:
        """Return the tensors dense, with rows in the core's order; what networks have in common, once for all."""
        lengths = tensors[0]
        shared = [bool(self.networks) and t is not None and t.stride(0) == 0 for t in tensors]
        if lengths is not None and not self.spec.falling:
            self.order = Order(lengths[0] if shared[0] else lengths)
        order, arranged = self.order, []
        for i, tensor in enumerate(tensors):
            if tensor is not None:
                has_rows = i < 3 + self.native.count
                once = shared[i] and not (has_rows and order.differs)
                value = dense(tensor[0] if once else tensor)
                value = order.sort(value, -1 if i < 2 else -2) if has_rows else value
                tensor = value.expand(tensor.shape) if once else value
            arranged.append(tensor)
        return arranged

    def _row_numbers(self) -> Tensor:
        rows = self.order.rows if self.order.rows is not None else self.spec.rows
        rows = torch.arange(self.rows) if rows is None else rows
        return rows.to(torch.int32).expand(*self.networks, self.rows)

    def _lay(self, to: Any, at: list[int]) -> None:
        """Tell the core where the tensors lie, or how far apart those of a population."""
        places = places_of(self.engine, self.spec.names)
        to.lengths, to.reset, to.x = at[:3]
        to.initial, to.step_inputs = at[3 : places.step_inputs], at[places.step_inputs : places.parameters]
        at = [*at, 0]  # the place of biases that are not there
        to.weights, to.biases = [*map(at.__getitem__, places.weights)], [*map(at.__getitem__, places.biases)]
        to.vectors = [*map(at.__getitem__, places.vectors)]

    def _place(self, buffers: Sequence[Tensor | None], **parts: slice | int) -> list[int]:
        """Tell the core where buffers lie: by name one of them, or a part; return where each lies."""
        at = addresses(buffers)
        for name, part in parts.items():
            setattr(self.scan, name, at[part])
        if self.networks:
            apart = strides(buffers)
            for name, part in parts.items():
                setattr(self.strides, name, apart[part])
        return at

    def begin(self, keep: bool) -> None:
        """Take memory for the states and, to keep what a gradient needs, for the tape."""
        spec, engine, lead, rows = self.spec, self.engine, self.networks, self.rows
        segment = self.segment = self._segment_steps() if keep and spec.recompute else 0
        rings = [segment > 0 or not keep] * len(engine.states)
        for name in spec.record:
            rings[engine.states.index(name)] = False
        shapes = [
            (*lead, 2 if ring else self.steps + 1, rows, width)
            for ring, width in zip(rings, engine.widths, strict=True)
        ]
        shapes += [(*lead, rows, width) for width in engine.widths]
        count = len(shapes)
        if segment:
            checkpoints = -(-self.steps // segment) + 1
            shapes += [(*lead, checkpoints, rows, width) for width in engine.widths]
        elif keep:
            shapes += [(*lead, self.steps, rows, width) for width in engine.kept_widths]
        made = empties(self.x, shapes)
        self.states, self.final = made[: len(rings)], made[len(rings) : count]
        self.stored = made[count:] if segment else [*self.states, *made[count:]]
        self.scan.rings, self.scan.segment = rings, segment
        stored = {"checkpoints" if segment else "tape": slice(count, None)}
        self._place(made, states=slice(len(rings)), final=slice(len(rings), count), **stored)

    def _segment_steps(self) -> int:
        """Return the number of steps between checkpoints; 0 where all steps are kept.

        About sqrt(T) takes the least memory; but segments shorter than the core's own chunks of rows save little more.
        """
        least = max(math.isqrt(self.steps), SEGMENT_ROWS // max(self.rows, 1))
        return least if least < self.steps else 0

    def ready(self) -> Any:
        """Return the scan as the core takes it."""
        if self.networks:
            self.scan.strides = self.strides
        return self.scan

    def results(self) -> Results:
        """Return the recorded states, the final states, and what was stored."""
        recorded, final = map(self.sequence, self.spec.record), self.final
        if self.order.rows is not None:
            final = [self.order.unsort(state, -2) for state in final]
        return (*recorded, *final, *self.stored)

    def sequence(self, name: str) -> Tensor:
        """Return a state after every step."""
        number = self.engine.states.index(name)
        steps = self.states[number].narrow(-3, 0 if self.spec.reverse else 1, self.steps)
        if number and self.lengths is not None:  # the core zeroes the output itself
            ended = torch.arange(self.steps)[:, None] >= self.lengths[..., None, :]
            steps = steps.masked_fill(ended[..., None], 0.0)
        return steps if self.order.rows is None else self.order.unsort(steps, -2)

    def resume(self, stored: Tensors) -> None:
        """Take up what the forward pass stored."""
        count = len(self.engine.states)
        self.segment = self._segment_steps() if self.spec.recompute else 0
        stored = self._dense(stored)
        self.scan.rings, self.scan.segment = [False] * count, self.segment
        if self.segment:
            self._place(stored, checkpoints=slice(None))
        else:
            self._place(stored, states=slice(count), tape=slice(count, None))
        self.stored = stored

    def _dense(self, tensors: Tensors) -> list[Any]:
        return [*self._arranged_alike(tensors)] if self.networks else located(tensors)[0]

    def _arranged_alike(self, tensors: Tensors) -> list[Any]:
        """Return tensors of a population dense; what networks have in common, once for all."""
        return [dense(t[0]).expand(t.shape) if t.stride(0) == 0 else dense(t) for t in tensors]

    def begin_backward(self, cotangents: Sequence[Tensor | None], of_x: bool) -> None:
        """Take the cotangents, and memory for the gradients."""
        record, states = self.spec.record, self.engine.states
        d_states: list[Any] = [None] * len(states)
        for name, cotangent in zip(record, cotangents, strict=False):
            d_states[states.index(name)] = cotangent
        taken = [*d_states, *cotangents[len(record) :]]
        if self.networks or self.order.rows is not None:
            taken = [None if c is None else self._sorted(c) for c in taken]
        else:
            taken = located(taken)[0]
        self.cotangents = taken
        places = places_of(self.engine, self.spec.names)
        x, like = self.x, self.tensors[3:]
        made = empties(x, [like[i - 3].shape for i in places.weights] + ([x.shape] if of_x else []))
        gradients: list[Any] = [None] * len(like)
        for i, gradient in zip(places.weights, made, strict=False):
            gradients[i - 3] = gradient
        for i in places.sums:
            gradients[i - 3] = like[i - 3].new_zeros(like[i - 3].shape)
        self.dx, self.gradients_of_rest = (made[-1] if of_x else None), gradients
        end = len(taken)
        parts = {"d_states": slice(len(states)), "d_final": slice(len(states), end), "dx": end}
        at = self._place([*taken, self.dx, *gradients], **parts)
        self._lay_gradients(self.scan, [0, 0, *at[end:]], places)
        if self.networks:
            self._lay_gradients(self.strides, [0, 0, 0, *strides(gradients)], places)

    def _lay_gradients(self, to: Any, at: list[int], places: Places) -> None:
        to.d_initial, to.d_step_inputs = at[3 : places.step_inputs], at[places.step_inputs : places.parameters]
        at = [*at, 0]
        to.d_weights, to.d_biases = [*map(at.__getitem__, places.weights)], [*map(at.__getitem__, places.biases)]
        to.d_vectors = [*map(at.__getitem__, places.vectors)]

    def _sorted(self, value: Tensor) -> Tensor:
        if self.networks and value.stride(0) == 0 and not self.order.differs:
            return self.order.sort(dense(value[0]), -2).expand(value.shape)
        return self.order.sort(dense(value), -2)

    def gradients(self) -> Gradients:
        """Return the gradients in the order of the tensors from x on."""
        found = [self.dx, *self.gradients_of_rest]
        if self.order.rows is not None:
            for i in range(1 + self.native.count):
                found[i] = None if found[i] is None else self.order.unsort(found[i], -2)
        return tuple(found)


class Places(NamedTuple):
    """Where tensors of the core are among the tensors of a scan; -1: a bias that is not there.

    Attributes:
        step_inputs: the first of them.
        parameters: the first of them.
        weights: by block.
        biases: by block.
        vectors: by vector.
        sums: of the tensors behind x, those to whose gradients the core adds.
    """

    step_inputs: int
    parameters: int
    weights: tuple[int, ...]
    biases: tuple[int, ...]
    vectors: tuple[int, ...]
    sums: tuple[int, ...]


@lru_cache(maxsize=1024)
def places_of(engine: Engine, names: tuple[str, ...]) -> Places:
    """Return where the tensors of a scan with parameters of these names are."""
    step_inputs = 3 + len(engine.states)
    first = step_inputs + len(engine.step_inputs)
    at = {name: first + number for number, name in enumerate(names)}
    weights = tuple(at[f"weight_{block}"] for block in engine.blocks)
    biases = tuple(at.get(f"bias_{block}", -1) for block in engine.biases)
    sums = tuple(sorted(set(range(3, first + len(names))).difference(weights)))
    return Places(step_inputs, first, weights, biases, tuple(at[name] for name in engine.vectors), sums)


class Native:
    """The native core as a backend; see `keepgate.scan.autograd.Backend`.

    Attributes:
        states: in the core's order.
        step_inputs: in the core's order.
        count: how many states and step inputs there are.
        draws: whether the cell draws random bits.

    Args:
        engine: the compiled cell.
        storage: of the packed weights, with gradients full or pairs; see `keepgate.native.Stepper` and `Arguments`.
    """

    compiled: ClassVar[bool] = False

    def __init__(self, engine: Engine, storage: str = "full") -> None:
        self.engine, self.storage = engine, storage
        self.states, self.step_inputs = engine.states, engine.step_inputs
        self.count, self.draws = len(self.states) + len(self.step_inputs), engine.streams > 0

    def run_forward(self, spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
        """Run a network, or a population."""
        call = Call(self, spec, networks, tensors)
        call.begin(keep)
        _core.forward(call.ready())
        return call.results()

    def run_backward(
        self,
        spec: Spec,
        networks: tuple[int, ...],
        tensors: Tensors,
        stored: Tensors,
        cotangents: Tensors,
        of_x: bool = True,
    ) -> Gradients:
        """Run what `run_forward` ran backward."""
        call = Call(self, spec, networks, tensors)
        call.resume(stored)
        call.begin_backward(cotangents, of_x)
        _core.backward(call.ready())
        return call.gradients()
