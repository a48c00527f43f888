"""`Recurrent`: layers of any cell over time, with the parameter names of `torch.nn.LSTM`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from keepgate.errors import InputError, KindError
from keepgate.nn.autocast import autocast_dtype, cast, storage_under, without_autocast
from keepgate.nn.checks import check_finite, check_input, check_state, looked_at, states_of
from keepgate.nn.dropout import drop_weights, dropout, recurrent_weights
from keepgate.nn.frozen import Frozen
from keepgate.nn.layout import Layout, stacked, states_named
from keepgate.nn.packed import Packing
from keepgate.nn.parameters import Layers
from keepgate.nn.plain import run_plain_call
from keepgate.nn.sorting import sort_rows
from keepgate.nn.streaming import Stream
from keepgate.scan import Arguments, native
from keepgate.scan.autograd import requires_grad
from keepgate.scan.checks import check_lengths, check_names, check_parameters, check_reset
from keepgate.scan.engines import ENGINES, Engine, choose
from keepgate.scan.layers import Row, Stack, run_layers, stack_of
from keepgate.scan.torch_private import captured, in_forward_mode

__all__ = ["Recurrent"]

State = Any


class Recurrent(Layers):
    """Layers of a recurrent cell.

    Shapes: the input is [T, B, I] (`batch_first`: [B, T, I]; unbatched: [T, I]); the output [T, B, D * W], D being
    the number of directions and W the width of the cell's first state. A state is a tensor [layers * D, B, W] for each
    state of the cell, in the cell's order: a tuple, or the tensor itself where the cell has one state. As in torch,
    `batch_first` does not turn states; `state_batch_first` makes them [B, layers * D, W]. Unbatched, a state is
    [layers * D, W].

    Parameters are named as in torch: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, … with `_reverse` for the
    second direction; all begin uniform in ±1/sqrt(hidden_size), but for vectors with a start of their own. Learned
    initial states are `h_0_l0`, `c_0_l0`, …, [W] each, and begin at zero.

    >>> import torch
    >>> layer = Recurrent("lstm", 3, 5, num_layers=2, forget_bias=1.0, initial_state="learned")
    >>> output, final, states, gates = layer(torch.zeros(7, 2, 3), return_states=True, return_gates=("f",))
    >>> tuple(states.c.shape), tuple(gates["f"].shape)
    ((2, 7, 2, 5), (2, 7, 2, 5))

    With a convolution for a map, values lie in space: the input is [T, B, I, *space], the output [T, B, D * W, *space],
    a state [layers * D, B, W, *space], and a trace has the space at its end too; see also `ConvLSTM`:

    >>> from keepgate.maps import Convolution
    >>> layer = Recurrent("gru", 3, 5, map=Convolution(kernel_size=7, dims=1))
    >>> output, h = layer(torch.zeros(4, 2, 3, 11))
    >>> tuple(output.shape), tuple(h.shape), tuple(layer.weight_hh_l0.shape)
    ((4, 2, 5, 11), (1, 2, 5, 11), (15, 5, 7))

    On the native engine a layer is one node of a compiled graph, for every number of steps and rows:

    >>> layer = torch.compile(Recurrent("gru", 3, 5), fullgraph=True, dynamic=True, backend="aot_eager")
    >>> tuple(layer(torch.zeros(7, 2, 3))[0].shape)
    (7, 2, 5)

    Args:
        cell: a `Cell`, its name, a specification such as `"layer_norm(lstm)"`, or `"file.py:Name"`.
        input_size: I.
        hidden_size: H.
        num_layers: stacked layers.
        bias: whether affine maps have biases.
        batch_first: whether input and output have the batch before time.
        dropout: probability with which outputs between layers are zeroed in training.
        bidirectional: whether each layer also runs from the last step to the first.
        proj_size: project the output to this size (0: not).
        device: of the parameters.
        dtype: of the parameters.
        backend: `"auto"` or an engine of `keepgate.scan`.
        recompute: keep for the gradient only the states at every k-th step, k about the square root of T, and compute
            the steps between them again on the way back (Chen et al. 2016, "Training deep nets with sublinear memory
            cost", arXiv:1604.06174): the same bits in a fraction of the memory, for about a third more time.
        forget_bias: at which the bias of the forget gate begins (None: as all others); usual is 1.
        initial_state: `"zeros"`, or `"learned"`: parameters that are the state where none is given.
        state_batch_first: whether states have the batch as their first axis.
        weight_drop: probability with which each number of the recurrent weights is zeroed in training, once for each
            forward pass (Merity et al. 2018).
        map: what the affine maps multiply with (None: as the cell says, which is a matrix): a map of `keepgate.maps`,
            such as `Convolution(kernel_size=3)`.

    Raises:
        InputError: an option is out of range, or the cell is unknown.
        CellError: the equations of the cell are wrong, or it has no parameters.
    """

    held: str | None = None  # how packed weights are stored that are held, as in `Frozen`

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: State = None,
        lengths: Tensor | None = None,
        *,
        reset: Tensor | None = None,
        step_inputs: Mapping[str, Tensor] | None = None,
        return_states: bool = False,
        return_gates: bool | Sequence[str] = False,
    ) -> tuple[Any, ...]:
        """Run all layers over time.

        Args:
            input: [T, B, I], [B, T, I] if `batch_first`, [T, I] unbatched, or a PackedSequence.
            hx: initial state (absent: zeros, or the learned one).
            lengths: [B] integers from 0 to T: past its length a row's output is zero and its state is held.
            reset: booleans in the layout of the input without its last axis: True starts a step from the initial state.
            step_inputs: the cell's extra inputs by name, [T, B, 1] in the layout of the input.
            return_states: return every state after every step too.
            return_gates: return the values that the cell's step names too: all (but those as wide as the input), or
                those named, such as `("f", "o")`.

        Returns:
            The output, in the layout of the input, and the final state; then, if asked for, every state of all layers
            as a named tuple, and the named values as a dictionary. Those are [layers * D, T, B, W]: `states.c[-1]`
            is the last layer's memory over time, and `states.c[:, t]` the state after step t, as `hx` takes it. T
            and B lie as in the input, B first with `state_batch_first`. Past a row's length they are zero. Gradients
            flow through them.

        Raises:
            ShapeError: a shape, dtype or device is wrong; the message says what was expected and what came.
            InputError: the step names no such value.
        """
        if (
            not torch.is_grad_enabled()
            and lengths is None
            and reset is None
            and not (step_inputs or return_states or return_gates)
            and (plain := run_plain_call(self, input, hx)) is not None
        ):
            return plain
        weight = self._first_weight()
        given = (input, hx, lengths, reset, step_inputs, return_states, return_gates)
        if (wanted := autocast_dtype(weight.device)) is None:
            return self._forward(weight, "full", *given)
        storage = storage_under(wanted, weight)
        return cast(without_autocast(functools.partial(self._forward, weight, storage), weight, *given), wanted)

    def _forward(
        self,
        weight: Tensor,
        storage: str,
        input: Tensor | PackedSequence,
        hx: State = None,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        step_inputs: Mapping[str, Tensor] | None = None,
        return_states: bool = False,
        return_gates: bool | Sequence[str] = False,
    ) -> tuple[Any, ...]:
        """Do what `forward` does outside autocast; `storage` is that of `Arguments`, `weight` the first one."""
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise InputError("a PackedSequence has its lengths; give no others")
            if reset is not None or step_inputs:
                extra = "reset goes" if reset is not None else "step inputs go"
                raise InputError(f"{extra} with a padded input and lengths, not with a PackedSequence")
            return self._forward_packed(weight, storage, input, hx, (return_states, return_gates))
        name, axes = type(self).__name__, self.equations.map.axes
        check_input(name, input, self.input_size, weight.dtype, weight.device, axes)
        layout = Layout(input.dim() == 3 + axes, self.batch_first, self.state_batch_first, axes)
        x = layout.time_major(input)
        if axes:
            self.equations.map.check_space(tuple(x.shape[2:-1]))
        state = self._initial(hx, x, layout)
        if lengths is not None:
            lengths = check_lengths(name, lengths, (x.shape[1],), x.shape[0], x)
        if reset is not None:
            reset = layout.mask(check_reset(reset, tuple(input.shape[: 1 + layout.batched]), x))
        given = self._given(step_inputs or {}, input, layout) if step_inputs or self.equations.step_inputs else {}
        names = self.equations.states if return_states else ()
        gates = self._gates(return_gates) if return_gates else ()
        output, final, traces = self._run(x, state, lengths, reset, given, (*names, *gates), storage)
        check_finite(self, output, final)
        states = layout.states(final.values())
        result: tuple[Any, ...] = (layout.sequence(output), states[0] if len(states) == 1 else states)
        if return_states:
            result += (states_named(names)(*(layout.trace(traces[name]) for name in names)),)
        return (*result, {name: layout.trace(traces[name]) for name in gates}) if return_gates else result

    def _first_weight(self) -> Tensor:
        first = self._names[0][0]
        weight = self._parameters.get(first)
        weight = getattr(self, first) if weight is None else weight  # parametrized, say
        if not isinstance(weight, Tensor):
            raise KindError(f"{type(self).__name__}: expected {first} as a tensor, got {type(weight).__name__}")
        return weight

    def stream(self, batch: int = 1, storage: str | None = None) -> Stream:
        """Return the layers one step at a time, with the weights of now; arguments as in `Stream`.

        >>> import torch
        >>> from keepgate.nn import LSTM
        >>> stream = LSTM(3, 5).stream()
        >>> for x in torch.zeros(7, 1, 3):
        ...     output = stream.step(x)
        >>> tuple(output.shape)
        (1, 5)

        Raises:
            BackendError: the layer is bidirectional, or the native core does not run it.
        """
        return Stream(self, batch, storage)

    def frozen(self, storage: str = "full") -> Frozen:
        """Return the layers for inference alone, with packed weights that are held; arguments as in `Frozen`.

        >>> import torch
        >>> from keepgate.nn import LSTM
        >>> fast = LSTM(3, 5).frozen()
        >>> output, state = fast(torch.zeros(7, 2, 3))
        >>> output.requires_grad
        False

        Raises:
            BackendError: the native core does not run the layer, or its weights are of another dtype than float32 and
                float64.
        """
        return Frozen(self, storage)

    def _gates(self, wanted: Literal[True] | Sequence[str]) -> tuple[str, ...]:
        """Return the names of values to record."""
        values = self.equations.recordable
        if wanted is True:
            return tuple(name for name, value in values.items() if value.width != "input")
        if wide := [name for name in wanted if name in values and values[name].width == "input"]:
            raise InputError(f"{wide[0]} is as wide as the input, so it cannot be stacked with what other layers give")
        return tuple(wanted)

    def _given(self, given: Mapping[str, Tensor], input: Tensor, layout: Layout) -> dict[str, Tensor]:
        """Return the step inputs, time first."""
        wanted = self.equations.step_inputs
        check_names(self.equations, "step inputs", wanted, given)
        size, timed = self.equations.resolve(self.input_size, self.hidden_size), {}
        for name, value in given.items():
            shape = layout.like(input, size[wanted[name]])
            check_state(type(self).__name__, f"step input {name}", value, shape, input)
            timed[name] = layout.time_major(value)
        return timed

    def _initial(self, hx: State, x: Tensor, layout: Layout) -> dict[str, Tensor]:
        """Return the initial states, [R, B, *space, W] by name; none where they are zeros."""
        if hx is None and self.initial_state == "zeros":
            return {}
        name, states = type(self).__name__, self.equations.states
        rows, (batch, *space) = self.num_layers * self.directions, x.shape[1:-1]
        if hx is None:
            learned, places = self.learned_states(), [1] * len(space)
            wide = {state: value.view(rows, 1, *places, value.shape[-1]) for state, value in learned.items()}
            return {state: value.expand(-1, batch, *space, -1) for state, value in wide.items()}
        shapes = {state: layout.state_shape(rows, batch, width, space) for state, width in self.widths.items()}
        pairs = zip(states, states_of(name, states, hx), strict=True)
        return {state: layout.by_rows(check_state(name, state, value, shapes[state], x)) for state, value in pairs}

    def _run(
        self,
        x: Tensor,
        state: Mapping[str, Tensor],
        lengths: Tensor | None,
        reset: Tensor | None,
        given: Mapping[str, Tensor],
        wanted: Sequence[str],
        storage: str,
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Return the output, the final states [R, B, W], and what is wanted for every step [R, T, B, W]."""
        seed = self._seed()
        whole = Arguments(
            x=x,
            state=state,
            lengths=lengths,
            reset=reset,
            step_inputs=given,
            record=tuple(dict.fromkeys((self.equations.states[0], *wanted))),
            recompute=self.recompute,
            storage=self.held or storage,
            hidden_size=self.hidden_size,
        )
        stack = None if wanted else self._stack(whole)
        if stack is None:
            if not state:
                zero = x.new_zeros(())  # one number: what a compiler would fill in parallel leaves its threads spinning
                places = (len(self._names), *x.shape[1:-1])
                whole.state = {name: zero.expand(*places, width) for name, width in self.widths.items()}
            return self._run_rows(whole, seed, wanted, None, ())
        plain = seed is None and not self.drops
        if plain and not torch.is_grad_enabled():
            return self._run_whole(whole, stack, functools.partial(self._all_values, stack, x))
        values = self._all_values(stack, x)
        if plain and not requires_grad((x, *state.values(), *given.values(), *itertools.chain.from_iterable(values))):
            return self._run_whole(whole, stack, lambda: values)
        return self._run_rows(whole, seed, (), stack, values)

    def _run_whole(
        self, whole: Arguments, stack: Stack, values: Callable[[], Sequence[Sequence[Tensor]]]
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Run all layers and directions in one call of the core, without gradients."""
        whole, order = sort_rows(whole, ENGINES["native"])
        output, final = run_layers(stack, whole, self._parameters, values)
        output, *ended = order.unsort_all([output, *final.values()], 1)
        return output, dict(zip(final, ended, strict=True)), {}

    def _run_rows(
        self,
        whole: Arguments,
        seed: Any,
        wanted: Sequence[str],
        stack: Stack | None,
        values: Sequence[Sequence[Tensor]],
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Run layer after layer, and each direction: on the core by what is known before, or on any engine."""
        traces: dict[str, list[Tensor]] = {name: [] for name in wanted}
        output = self.equations.states[0]
        engine = self._engine(whole) if stack is None else ENGINES["native"]
        whole, order = sort_rows(whole, engine)
        x = whole.x
        if stack is not None and not whole.state:
            whole.state = stack.zeros(x)
        final: dict[str, list[Tensor]] = {name: [] for name in whole.state}
        for layer in range(self.num_layers):
            if layer and self.drops:
                x = order.sort(self._between(order.unsort(x, 1)), 1)
            directions = []
            for direction in range(self.directions):
                row = layer * self.directions + direction
                drawn = None if seed is None else seed + row
                if stack is None:
                    parameters = self._checked(row, x.shape[-1], x)
                else:
                    parameters = dict(zip(self._own_names, values[row], strict=True))
                if self.weight_drop and drawn is not None:
                    dropped = recurrent_weights(self.equations)
                    parameters = drop_weights(parameters, dropped, self.weight_drop, drawn)
                if stack is None:
                    state = {name: value[row] for name, value in whole.state.items()}
                    arguments = replace(whole, x=x, state=state, reverse=bool(direction), seed=drawn)
                    result = engine.run(self.equations, parameters, arguments)
                else:
                    result = stack.run_row(row, whole, x, parameters.values(), drawn)
                directions.append(result.recorded[output])
                for table, by_name in ((final, result.state), (traces, result.recorded)):
                    for name, rows in table.items():
                        rows.append(by_name[name])
            x = torch.cat(directions, -1) if len(directions) > 1 else directions[0]
        ended, traced = stacked(final), stacked(traces) if traces else {}
        if order.rows is None:
            return x, ended, traced
        x, *found = order.unsort_all([x, *ended.values(), *traced.values()], -2 - self.equations.map.axes)
        count = len(ended)
        return x, dict(zip(ended, found, strict=False)), dict(zip(traced, found[count:], strict=True))

    def _engine(self, arguments: Arguments) -> Engine:
        """Return the engine for all layers and directions."""
        names = itertools.chain.from_iterable(self._names)
        return choose(self.equations, {name: getattr(self, name) for name in names}, arguments, self.backend)

    def _checked(self, row: int, inputs: int, like: Tensor) -> Mapping[str, Tensor]:
        """Return the parameters of one layer and direction; a compiled graph's operators check them.

        Args:
            row: of the states.
            inputs: the width of what the layer reads.
            like: has the dtype and device that the parameters must have.
        """
        parameters = self.parameters_of(row)
        if captured():
            return parameters
        who, suffix = f"{type(self).__name__}: ", self._names[row][0][len(self._own_names[0]) :]
        sizes = (inputs, self.hidden_size)
        return check_parameters(self.equations, parameters, like, *sizes, layer=who, suffix=suffix)

    def _all_values(self, stack: Stack, like: Tensor) -> list[list[Tensor]]:
        """Return the parameters of each layer and direction."""
        return [self._values(number, row, like) for number, row in enumerate(stack.rows)]

    def _values(self, number: int, row: Row, like: Tensor) -> list[Tensor]:
        """Return what `_checked` does as a list, in a fraction of its time where all is well."""
        held, dtype = self._parameters, like.dtype
        values = [held.get(name) for name in row.names]
        for value, shape in zip(values, row.shapes, strict=True):
            if (
                (type(value) is not nn.Parameter and type(value) is not Tensor)
                or value.shape != shape
                or value.dtype is not dtype
                or not value.is_cpu
                or value.layout is not torch.strided
            ):
                return [*self._checked(number, row.input_size, like).values()]
        return values  # type: ignore[return-value]

    def _stack(self, arguments: Arguments) -> Stack | None:
        """Return the layers as the core runs them in one call; None where it does not, or something looks on.

        They are kept until an attribute of the layer is set.
        """
        x = arguments.x
        if (
            self.equations.map.axes
            or type(x) not in (Tensor, nn.Parameter)
            or not x.is_cpu
            or looked_at()
            or in_forward_mode()
        ):
            return None
        stack = self.bound
        if stack is None or stack.dtype is not x.dtype or stack.storage != arguments.storage:
            if self._engine(arguments) is not ENGINES["native"] or x.dtype not in native.DTYPES:
                return None
            names = [dict(zip(self._own_names, names, strict=True)) for names in self._names]
            sizes = (self.input_size, self.hidden_size)
            how = (self.recompute, arguments.storage, self.held is not None)
            stack = stack_of(self.equations, names, *sizes, self.directions, x.dtype, *how)
            self.__dict__["bound"] = stack
        return stack

    def _between(self, x: Tensor) -> Tensor:
        """Return what the next layer reads of the outputs [T, B, W] of the one below."""
        return dropout(x, self.dropout, self.training)

    def _seed(self) -> int | Tensor | None:
        """Draw the seed of the random bits of cell and weights, if there are any, in training."""
        if not self.draws:
            return None
        drawn = torch.randint(2**31, ())
        return drawn if captured() else int(drawn)  # a number would be the same in every call

    def _forward_packed(
        self, weight: Tensor, storage: str, packed: PackedSequence, hx: State, wanted: tuple[Any, Any]
    ) -> tuple[Any, ...]:
        """Run padded; what is returned beside the output is padded, its rows in the order of the caller."""
        packing = Packing.of(packed)
        layout = Layout(True, self.batch_first, self.state_batch_first, self.equations.map.axes)
        pad = packing.pad()
        padded = (pad.transpose(0, 1) if self.batch_first else pad, hx, packing.lengths, None, None)
        output, *others = self._forward(weight, storage, *padded, *wanted)
        return packing.pack(layout.mask(output)), *others
