"""The native engine under torch: an autograd function around the core, which knows nothing of torch.

Double backward and forward mode differentiate the reference instead; `vmap` folds into the batch where weights are
shared and runs one network after another where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from keepgate.equations import Equations
from keepgate.native import engine as core
from keepgate.native.engine import Engine, engine
from keepgate.scan import reference
from keepgate.scan.arguments import Arguments, Result

__all__ = ["missing", "refuses", "scan"]

DTYPES = (torch.float32, torch.float64)


def missing() -> str | None:
    """Return why this machine cannot run the engine, or None."""
    return core.missing()


def refuses(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> str | None:
    """Return why the core cannot run this, or None."""
    if arguments.x.device.type != "cpu":
        return f"the input is on {arguments.x.device}, and the core runs on the CPU"
    if arguments.x.dtype not in DTYPES:
        return f"the core computes in float32 and float64, not in {arguments.x.dtype}"
    if unknown := [name for name in arguments.record if name not in equations.new]:
        return f"the core records states, not the value {unknown[0]}"
    return None


@dataclass(frozen=True)
class _Spec:
    """What a scan is, apart from its tensors."""

    equations: Equations
    engine: Engine
    names: tuple[str, ...]  # of the parameters, in the order of the tensors
    reverse: bool
    seed: int | None
    record: tuple[str, ...]
    threads: int

    def arguments(self, x: Tensor, states: Sequence[Tensor], given: Sequence[Tensor], a: _Ragged) -> Arguments:
        """Return the arguments for another engine."""
        return Arguments(
            x=x,
            state=dict(zip(self.engine.states, states, strict=True)),
            lengths=a.lengths,
            reset=a.reset,
            step_inputs=dict(zip(self.engine.step_inputs, given, strict=True)),
            reverse=self.reverse,
            seed=self.seed,
            record=self.record,
        )


@dataclass(frozen=True)
class _Ragged:
    """Lengths and resets as given, and the order of falling lengths that the core needs."""

    lengths: Tensor | None
    reset: Tensor | None
    order: Tensor | None  # None: rows are in order already
    back: Tensor | None

    @classmethod
    def of(cls, lengths: Tensor | None, reset: Tensor | None) -> _Ragged:
        if lengths is None or bool((lengths[1:] <= lengths[:-1]).all()):
            return cls(lengths, reset, None, None)
        order = torch.argsort(lengths, descending=True, stable=True)
        return cls(lengths, reset, order, torch.argsort(order))

    def sort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the core's order, dense."""
        value = value.detach()
        return (value if self.order is None else value.index_select(dim, self.order)).contiguous()

    def unsort(self, value: Tensor, dim: int) -> Tensor:
        """Return rows in the caller's order."""
        return value if self.back is None else value.index_select(dim, self.back)


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time on the native core."""
    a = arguments
    hidden = _hidden_size(equations, parameters)
    made = engine(equations, a.x.shape[-1], hidden)
    spec = _Spec(equations, made, tuple(parameters), a.reverse, a.seed, a.record, core.threads(torch.get_num_threads()))
    tensors = [a.state[name] for name in made.states]
    tensors += [a.step_inputs[name] for name in made.step_inputs]
    tensors += parameters.values()
    needs_grad = torch.is_grad_enabled() and any(t.requires_grad for t in (a.x, *tensors))
    results = _Scan.apply(spec, needs_grad, a.lengths, a.reset, a.x, *tensors)
    count = len(a.record)
    states = dict(zip(made.states, results[count : count + len(made.states)], strict=True))
    return Result(dict(zip(a.record, results, strict=False)), states)


def _hidden_size(equations: Equations, parameters: Mapping[str, Tensor]) -> int:
    block, products = next((b, p) for b, p in equations.products.items() if p[0].width == "hidden")
    return parameters[f"weight_{block}"].shape[0] // len(products)


class _Scan(torch.autograd.Function):
    """One scan; outputs are the recorded states, the final states, then what the backward pass needs."""

    @staticmethod
    def forward(
        spec: _Spec, needs_grad: bool, lengths: Tensor | None, reset: Tensor | None, x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ragged = _Ragged.of(lengths, reset)
        buffers = _Buffers(spec, ragged, x, tensors)
        tape = buffers.new_tape() if needs_grad else []
        buffers.run_forward(tape)
        recorded = [buffers.sequence(name) for name in spec.record]
        return (*recorded, *buffers.final(), *buffers.states, *tape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        spec, _, lengths, reset, x, *tensors = inputs
        ctx.spec = spec
        count = len(spec.record) + len(spec.engine.states)
        ctx.mark_non_differentiable(*output[count:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(lengths, reset, x, *tensors, *output[count:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
        spec: _Spec = ctx.spec
        lengths, reset, x, *rest = ctx.saved_tensors
        count = len(spec.engine.states) + len(spec.engine.step_inputs) + len(spec.names)
        tensors, stored = rest[:count], rest[count:]
        wanted = cotangents[: len(spec.record) + len(spec.engine.states)]
        if torch.is_grad_enabled():
            gradients = _differentiate_reference(spec, lengths, reset, [x, *tensors], wanted)
        else:
            buffers = _Buffers(spec, _Ragged.of(lengths, reset), x, tensors, stored[: len(spec.engine.states)])
            gradients = buffers.run_backward(stored[len(spec.engine.states) :], wanted, ctx.needs_input_grad[4])
        return (None, None, None, None, *gradients)


def _differentiate_reference(
    spec: _Spec,
    lengths: Tensor | None,
    reset: Tensor | None,
    inputs: list[Tensor],
    cotangents: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Return gradients that can themselves be differentiated."""
    outputs = _reference(spec, lengths, reset, inputs)
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if c is not None and o.requires_grad]
    wanted = [i for i in inputs if i.requires_grad]
    given = torch.autograd.grad(
        [o for o, _ in pairs], wanted, [c for _, c in pairs], create_graph=True, allow_unused=True
    )
    found = iter(given)
    return [next(found) if i.requires_grad else None for i in inputs]


def _reference(
    spec: _Spec, lengths: Tensor | None, reset: Tensor | None, inputs: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    x, *tensors = inputs
    states, given, values = _split(spec, tensors)
    arguments = spec.arguments(x, states, given, _Ragged(lengths, reset, None, None))
    result = reference.scan(spec.equations, dict(zip(spec.names, values, strict=True)), arguments)
    return (*(result.recorded[name] for name in spec.record), *(result.state[name] for name in spec.engine.states))


def _split(spec: _Spec, tensors: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]:
    states, given = len(spec.engine.states), len(spec.engine.step_inputs)
    return tensors[:states], tensors[states : states + given], tensors[states + given :]


_packed = WeakTensorKeyDictionary()


class _Buffers:
    """The dense buffers of one call, in the core's order of rows; owns them until the call is over."""

    def __init__(
        self, spec: _Spec, ragged: _Ragged, x: Tensor, tensors: Sequence[Tensor], states: Sequence[Tensor] = ()
    ) -> None:
        self.spec, self.ragged, self.made = spec, ragged, spec.engine
        self.x = ragged.sort(x, 1)
        self.steps, self.rows = x.shape[:2]
        initial, given, values = _split(spec, tensors)
        self.given = [ragged.sort(value, 1) for value in given]
        self.parameters = {
            name: value.detach().contiguous() for name, value in zip(spec.names, values, strict=True)
        }
        self.sources = dict(zip(spec.names, values, strict=True))
        self.lengths = None if ragged.lengths is None else ragged.sort(ragged.lengths, 0).to(torch.int32)
        self.reset = None if ragged.reset is None else ragged.sort(ragged.reset, 1)
        order = torch.arange(self.rows) if ragged.order is None else ragged.order
        self.row_numbers = order.to(torch.int32) if self.made.streams else None
        self.states = list(states) or self._begin([ragged.sort(value, 0) for value in initial])

    def _begin(self, initial: list[Tensor]) -> list[Tensor]:
        states = [self.x.new_empty(self.steps + 1, self.rows, width) for width in self.made.widths]
        for state, value in zip(states, initial, strict=True):
            state[self.steps if self.spec.reverse else 0] = value
        return states

    def new_tape(self) -> list[Tensor]:
        """Return room for what the backward pass reads."""
        return [self.x.new_empty(self.steps, self.rows, width) for width in self.made.kept_widths]

    def packed(self, backward: bool, fresh: bool) -> Any:
        """Pack the weights; unless `fresh`, take those that the forward pass packed.

        A tensor's version does not tell whether it has changed: fused optimisers and writes through `.data` leave it.
        """
        weights = [self.parameters[f"weight_{block}"] for block in self.made.blocks]
        biases = [self.parameters.get(f"bias_{block}") for block in self.made.biases]
        used = [*weights, *(bias for bias in biases if bias is not None)]
        key = (self.made, backward, *((t.data_ptr(), t._version) for t in used))
        holder = self.sources[f"weight_{self.made.blocks[0]}"]
        known = _packed.get(holder)
        if fresh or known is None or known[0] != key:
            made = self.made.pack(
                self.x.dtype == torch.float64,
                [t.data_ptr() for t in weights],
                [_address(t) for t in biases],
                backward,
                self.spec.threads,
            )
            known = _packed[holder] = (key, made)
        return known[1]

    def _call(self, tape: Sequence[Tensor]) -> tuple[Any, ...]:
        shape = (self.steps, self.rows, self.spec.reverse, self.spec.seed is not None)
        inputs = (
            self.x.data_ptr(),
            [t.data_ptr() for t in self.states],
            _address(self.lengths),
            _address(self.reset),
            _address(self.row_numbers),
            [t.data_ptr() for t in self.given],
            [self.parameters[name].data_ptr() for name in self.made.vectors],
            self.made.keys(self.spec.seed),
            [t.data_ptr() for t in tape],
        )
        return shape, inputs

    def run_forward(self, tape: Sequence[Tensor]) -> None:
        """Run the core's forward pass."""
        core.forward(self.made.plan, self.packed(bool(tape), fresh=True), *self._call(tape), self.spec.threads)

    def sequence(self, name: str) -> Tensor:
        """Return a state after every step, [T, B, W]."""
        state = self.states[self.made.states.index(name)]
        steps = state[: self.steps] if self.spec.reverse else state[1:]
        if self.lengths is not None and name != self.made.states[0]:
            ended = torch.arange(self.steps)[:, None] >= self.lengths
            steps = steps.masked_fill(ended[:, :, None], 0.0)
        return self.ragged.unsort(steps, 1)

    def final(self) -> list[Tensor]:
        """Return the state after each row's last step."""
        if self.spec.reverse:
            return [self.ragged.unsort(self._first(state), 0) for state in self.states]
        if self.lengths is None:
            return [state[self.steps].clone() for state in self.states]
        at, rows = self.lengths.long(), torch.arange(self.rows)
        return [self.ragged.unsort(state[at, rows], 0) for state in self.states]

    def _first(self, state: Tensor) -> Tensor:
        """Return the state after a walk backwards: the initial one for rows without a step."""
        if self.lengths is None:
            return state[0].clone()
        return torch.where((self.lengths > 0)[:, None], state[0], state[self.steps])

    def run_backward(
        self, tape: Sequence[Tensor], cotangents: Sequence[Tensor | None], wants_x: bool
    ) -> list[Tensor | None]:
        """Run the core's backward pass; gradients in the order of the inputs."""
        made, record = self.made, self.spec.record
        steps = {name: c for name, c in zip(record, cotangents, strict=False) if c is not None}
        d_states = [self.ragged.sort(steps[name], 1) if name in steps else None for name in made.states]
        d_final = [None if c is None else self.ragged.sort(c, 0) for c in cotangents[len(record) :]]
        dx = torch.empty_like(self.x) if wants_x else None
        if dx is not None and self.lengths is not None:
            dx.zero_()
        d_initial = [self.x.new_zeros(self.rows, width) for width in made.widths]
        d_given = [torch.zeros_like(value) for value in self.given]
        d_parameters = {name: torch.zeros_like(value) for name, value in self.parameters.items()}
        gradients = (
            _address(dx),
            [t.data_ptr() for t in d_initial],
            [t.data_ptr() for t in d_given],
            [d_parameters[f"weight_{block}"].data_ptr() for block in made.blocks],
            [_address(d_parameters.get(f"bias_{block}")) for block in made.biases],
            [d_parameters[name].data_ptr() for name in made.vectors],
        )
        given = ([_address(t) for t in d_states], [_address(t) for t in d_final])
        core.backward(made.plan, self.packed(True, fresh=False), *self._call(tape), given, gradients, self.spec.threads)
        back = self.ragged.unsort
        return [
            None if dx is None else back(dx, 1),
            *(back(t, 0) for t in d_initial),
            *(back(t, 1) for t in d_given),
            *(d_parameters[name] for name in self.spec.names),
        ]


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
