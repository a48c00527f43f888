"""`Recurrent`: layers of any cell over time, with the parameter names of ``torch.nn.LSTM``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from keepgate.cells import get, projected
from keepgate.equations import Cell, Equations
from keepgate.errors import CellError, InputError
from keepgate.nn.checks import ShapeError, check_input, check_lengths, check_options, check_state
from keepgate.nn.streaming import Stream
from keepgate.scan import Arguments, scan
from keepgate.scan.engines import check_backend

__all__ = ["Recurrent"]

State = Any


class Recurrent(nn.Module):
    """Layers of a recurrent cell.

    Shapes: the input is [T, B, I] (``batch_first``: [B, T, I]; unbatched: [T, I]); the output [T, B, D * W], D being
    the number of directions and W the width of the cell's first state. A state is a tensor [layers * D, B, W] for each
    state of the cell, in the cell's order: a tuple, or the tensor itself where the cell has one state.

    Parameters are named as in torch: ``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0``, … with ``_reverse`` for the
    second direction; all begin uniform in ±1/sqrt(hidden_size), but for vectors with a start of their own.

    On the native engine a layer is one node of a compiled graph, for every number of steps and rows:

    >>> layer = torch.compile(Recurrent("gru", 3, 5), fullgraph=True, dynamic=True, backend="aot_eager")
    >>> tuple(layer(torch.zeros(7, 2, 3))[0].shape)
    (7, 2, 5)

    Args:
        cell: a `Cell`, its name, a specification such as ``"layer_norm(lstm)"``, or ``"file.py:Name"``.
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
        backend: ``"auto"`` or an engine of `keepgate.scan`.
        recompute: keep for the gradient only the states at every k-th step, k about the square root of T, and compute
            the steps between them again on the way back (Chen et al. 2016, "Training deep nets with sublinear memory
            cost", arXiv:1604.06174): the same bits in a fraction of the memory, for about a third more time.

    Raises:
        InputError: an option is out of range, or the cell is unknown.
        CellError: the equations of the cell are wrong, or it has no parameters.
    """

    def __init__(
        self,
        cell: str | Cell | type[Cell] | Equations,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        backend: str = "auto",
        *,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        check_options(input_size, hidden_size, num_layers, dropout, proj_size)
        self.cell = get(cell) if not proj_size else projected(get(cell), proj_size)
        self.equations = self.cell.equations
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size, self.backend = bidirectional, proj_size, check_backend(backend)
        self.recompute = recompute
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self.directions]:
                self._add_layer(f"_l{layer}{suffix}", layer, {"device": device, "dtype": dtype})
        self.reset_parameters()

    @property
    def directions(self) -> int:
        """1, or 2 if bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def widths(self) -> dict[str, int]:
        """Width of each state."""
        size = self.equations.resolve(self.input_size, self.hidden_size)
        return {state: size[width] for state, width in self.equations.widths.items()}

    @property
    def output_size(self) -> int:
        """Number of features of the output: the width of the first state times the directions."""
        return self.widths[self.equations.states[0]] * self.directions

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def _add_layer(self, suffix: str, layer: int, factory: dict[str, Any]) -> None:
        size = self.output_size if layer else self.input_size
        specified = self.equations.parameters(size, self.hidden_size, self.bias)
        if not specified:
            raise CellError(f"{self.cell.name} has no parameters, so it is no layer; give it an affine map")
        for parameter in specified:
            self.register_parameter(parameter.name + suffix, nn.Parameter(torch.empty(parameter.shape, **factory)))
        self._own_names = [parameter.name for parameter in specified]
        self._names.append([parameter.name + suffix for parameter in specified])

    def reset_parameters(self) -> None:
        """Draw all parameters anew, in torch's order: the same seed gives the weights of ``torch.nn.LSTM``."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        begins = {p.name: p.initial for p in self.equations.parameters(self.input_size, self.hidden_size)}
        for name, parameter in self.named_parameters():
            initial = begins[name[: name.rindex("_l")]]
            with torch.no_grad():
                parameter.uniform_(-bound, bound) if initial is None else parameter.fill_(initial)

    def flatten_parameters(self) -> None:
        """Do nothing: there for code written for torch's modules."""

    def extra_repr(self) -> str:
        """Return the options that differ from their defaults."""
        options = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        options |= {"bidirectional": False, "proj_size": 0, "backend": "auto", "recompute": False}
        shown = [f"{name}={value!r}" for name, d in options.items() if (value := getattr(self, name)) != d]
        return ", ".join([self.cell.name, str(self.input_size), str(self.hidden_size), *shown])

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: State = None,
        lengths: Tensor | None = None,
        *,
        reset: Tensor | None = None,
        step_inputs: Mapping[str, Tensor] | None = None,
    ) -> tuple[Any, State]:
        """Run all layers over time.

        Args:
            input: [T, B, I], [B, T, I] if ``batch_first``, [T, I] unbatched, or a PackedSequence.
            hx: initial state (absent: zeros).
            lengths: [B] integers from 0 to T: past its length a row's output is zero and its state is held.
            reset: booleans in the layout of the input without its last axis: True starts a step from the initial state.
            step_inputs: the cell's extra inputs by name, [T, B, 1] in the layout of the input.

        Returns:
            The output, in the layout of the input, and the final state.

        Raises:
            ShapeError: a shape, dtype or device is wrong; the message says what was expected and what came.
        """
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise InputError("a PackedSequence has its lengths; give no others")
            if reset is not None or step_inputs:
                extra = "reset goes" if reset is not None else "step inputs go"
                raise InputError(f"{extra} with a padded input and lengths, not with a PackedSequence")
            return self._forward_packed(input, hx)
        name = type(self).__name__
        weight = getattr(self, self._names[0][0])
        check_input(name, input, self.input_size, weight.dtype, weight.device)
        batched = input.dim() == 3
        x = self._time_major(input, batched)
        state = self._initial(hx, x, batched)
        if lengths is not None:
            lengths = check_lengths(name, lengths, x.shape[0], x.shape[1]).to(x.device)
        reset = None if reset is None else self._time_major(reset, batched)
        given = {key: self._time_major(value, batched) for key, value in (step_inputs or {}).items()}
        self._check_given(given, reset, x)
        output, final = self._run(x, state, lengths, reset, given)
        if not batched:
            return output.squeeze(1), self._packed_state({key: value.squeeze(1) for key, value in final.items()})
        return output.transpose(0, 1) if self.batch_first else output, self._packed_state(final)

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

    def _time_major(self, value: Tensor, batched: bool) -> Tensor:
        if not batched:
            return value.unsqueeze(1)
        return value.transpose(0, 1) if self.batch_first else value

    def _check_given(self, given: Mapping[str, Tensor], reset: Tensor | None, x: Tensor) -> None:
        wanted = self.equations.step_inputs
        if set(given) != set(wanted):
            names = [", ".join(inputs) or "none" for inputs in (wanted, given)]
            raise InputError(f"{self.cell.name} takes the step inputs {names[0]}; got {names[1]}")
        size = self.equations.resolve(self.input_size, self.hidden_size)
        for name, value in given.items():
            check_state(type(self).__name__, f"step input {name}", value, (*x.shape[:2], size[wanted[name]]), x)
        shape = tuple(x.shape[:2])
        if reset is not None and (tuple(reset.shape) != shape or reset.dtype != torch.bool):
            got = f"{tuple(reset.shape)} of {reset.dtype}"
            raise ShapeError(f"expected reset of shape {shape} and dtype bool, got {got}")

    def _initial(self, hx: State, x: Tensor, batched: bool) -> dict[str, Tensor]:
        name, states = type(self).__name__, self.equations.states
        rows = self.num_layers * self.directions
        if hx is None:
            zero = x.new_zeros(())  # one number: what a compiler would fill in parallel leaves its threads spinning
            return {state: zero.expand(rows, x.shape[1], width) for state, width in self.widths.items()}
        given = (hx,) if len(states) == 1 else hx
        if not isinstance(given, tuple | list) or len(given) != len(states):
            raise TypeError(f"{name}: expected the state as a tuple ({', '.join(states)}), got {_what(hx)}")
        shapes = {s: (rows, x.shape[1], w) if batched else (rows, w) for s, w in self.widths.items()}
        checked = {s: check_state(name, s, v, shapes[s], x) for s, v in zip(states, given, strict=True)}
        return checked if batched else {state: value.unsqueeze(1) for state, value in checked.items()}

    def _packed_state(self, state: Mapping[str, Tensor]) -> State:
        values = tuple(state.values())
        return values[0] if len(values) == 1 else values

    def _run(
        self,
        x: Tensor,
        state: Mapping[str, Tensor],
        lengths: Tensor | None,
        reset: Tensor | None,
        given: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        final: dict[str, list[Tensor]] = {name: [] for name in state}
        output = self.equations.states[0]
        seed = self._seed()
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = nn.functional.dropout(x, self.dropout, self.training)
            directions = []
            for direction in range(self.directions):
                row = layer * self.directions + direction
                arguments = Arguments(
                    x=x,
                    state={name: value[row] for name, value in state.items()},
                    lengths=lengths,
                    reset=reset,
                    step_inputs=given,
                    reverse=bool(direction),
                    seed=None if seed is None else seed + row,
                    record=(output,),
                    recompute=self.recompute,
                )
                result = scan(self.equations, self.parameters_of(row), arguments, self.backend)
                directions.append(result.recorded[output])
                for name, value in result.state.items():
                    final[name].append(value)
            x = torch.cat(directions, -1) if len(directions) > 1 else directions[0]
        return x, {name: torch.stack(v) if len(v) > 1 else v[0].unsqueeze(0) for name, v in final.items()}

    def parameters_of(self, row: int) -> dict[str, Tensor]:
        """Return the parameters of one layer and direction, by their names in the equations."""
        return {own: getattr(self, name) for own, name in zip(self._own_names, self._names[row], strict=True)}

    def _seed(self) -> int | Tensor | None:
        """Draw the seed of the cell's random bits, if it has any and is in training."""
        if not (self.equations.noisy and self.training):
            return None
        drawn = torch.randint(2**31, ())
        return drawn if torch.compiler.is_compiling() else int(drawn)  # a number would be the same in every call

    def _forward_packed(self, packed: PackedSequence, hx: State) -> tuple[PackedSequence, State]:
        x, lengths = pad_packed_sequence(packed, batch_first=self.batch_first)
        output, state = self.forward(x, hx, lengths)
        lengths = lengths if packed.sorted_indices is None else lengths[packed.sorted_indices.cpu()]
        if packed.sorted_indices is not None:
            output = output.index_select(0 if self.batch_first else 1, packed.sorted_indices)
        again = pack_padded_sequence(output, lengths, self.batch_first)
        return PackedSequence(again.data, again.batch_sizes, packed.sorted_indices, packed.unsorted_indices), state


def _what(hx: Any) -> str:
    return f"{type(hx).__name__} of {len(hx)}" if isinstance(hx, tuple | list) else type(hx).__name__
