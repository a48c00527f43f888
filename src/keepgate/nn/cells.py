"""`LSTMCell`, `GRUCell` and `RNNCell` with the signatures of `torch.nn`, and `RecurrentCell`: one step of any cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from keepgate.cells import RNN, get
from keepgate.equations import Cell, Equations
from keepgate.errors import CellError, InputError
from keepgate.nn.autocast import autocast_dtype, cast, without_autocast
from keepgate.nn.checks import check_input, check_options, check_state, states_of
from keepgate.nn.initial import initialize
from keepgate.scan import Arguments, scan
from keepgate.scan.checks import check_names
from keepgate.scan.engines import check_backend

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RecurrentCell"]


class RecurrentCell(nn.Module):
    """One step of any cell, with gradients: for loops in Python that look at a state before they choose the next input.

    Where the inputs of all steps are known, `Recurrent` is many times as fast; where no gradient is needed,
    `Recurrent.stream` is.

    >>> import torch
    >>> from keepgate.nn import RecurrentCell
    >>> cell = RecurrentCell("peephole_lstm", 3, 5)
    >>> h, c = cell(torch.zeros(2, 3))
    >>> h, c = cell(torch.zeros(2, 3), (h, c))
    >>> tuple(h.shape)
    (2, 5)

    Args:
        cell: the cell or its name; see `keepgate cells`.
        input_size: features of the input, I.
        hidden_size: units, H.
        bias: whether the gates have biases.
        device: of the parameters.
        dtype: of the parameters.
        backend: `"auto"` or the name of an engine; see `keepgate.scan.engines`.

    Raises:
        CellError: there is no such cell, or it has no parameters.
        InputError: a size is out of range, or the cell draws random bits, which belong to a whole sequence.
    """

    def __init__(
        self,
        cell: str | Cell | type[Cell] | Equations,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        check_options(input_size, hidden_size, 1, 0.0, 0)
        self.cell = get(cell)
        self.equations = self.cell.equations
        if self.equations.map.axes:
            raise InputError(f"{type(self).__name__} has matrices, not the map {self.equations.map}; use Recurrent")
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.backend = check_backend(backend)
        if self.equations.noisy:
            raise InputError(f"{self.cell.name} draws random bits for a whole sequence; use keepgate.nn.Recurrent")
        self._parameters_of_cell = self.equations.parameters(input_size, hidden_size, bias)
        if not self._parameters_of_cell:
            raise CellError(f"{self.cell.name} has no parameters; give it an affine map")
        for parameter in self._parameters_of_cell:
            value = torch.empty(parameter.shape, device=device, dtype=dtype)
            self.register_parameter(parameter.name, nn.Parameter(value))
        size = self.equations.resolve(input_size, hidden_size)
        self._widths = {state: size[width] for state, width in self.equations.widths.items()}
        self._step_inputs = {name: size[width] for name, width in self.equations.step_inputs.items()}
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, in torch's order: the same seed gives the weights of `torch.nn.LSTMCell`."""
        parameters = [(getattr(self, parameter.name), parameter.initial) for parameter in self._parameters_of_cell]
        initialize(parameters, self.equations.map.fan_in(self.hidden_size))

    def forward(
        self,
        input: Tensor,
        hx: Tensor | tuple[Tensor, ...] | None = None,
        step_inputs: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """Take one step.

        Args:
            input: [B, I] or [I].
            hx: the state before, each of its tensors [B, W] or [W]: a tuple, or a tensor for a cell with one state; by
                default zeros.
            step_inputs: the cell's extra inputs by name, [B, width] or [width], such as `elapsed` of
                `time_aware_lstm`.

        Returns:
            The state after, in the form of `hx`; its first tensor is the output.

        Raises:
            ShapeError, KindError: a tensor is not of the shape, dtype and device that the cell takes.
            InputError: step inputs are missing or unknown.
            BackendError: the named engine cannot run this.
        """
        name, weight = type(self).__name__, next(self.parameters())
        if autocast_dtype(weight.device) is not None:
            after = without_autocast(self.forward, weight, input, hx, step_inputs)
            return cast(after, input.dtype)
        check_input(name, input, self.input_size, weight.dtype, weight.device, dims=(1, 2))
        batch = input.shape[:-1]
        state = self._state(name, hx, input)
        given = step_inputs or {}
        check_names(self.equations, "step inputs", self._step_inputs, given)
        extra = {
            key: check_state(name, f"step input {key}", value, (*batch, self._step_inputs[key]), input)
            for key, value in given.items()
        }
        arguments = Arguments(
            x=_batched(input)[None],
            state={key: _batched(value) for key, value in state.items()},
            step_inputs={key: _batched(value)[None] for key, value in extra.items()},
            record=(),
            hidden_size=self.hidden_size,
        )
        after = scan(self.equations, dict(self.named_parameters()), arguments, self.backend).state
        values = tuple(after[key].view(*batch, width) for key, width in self._widths.items())
        return values[0] if len(values) == 1 else values

    def _state(self, name: str, hx: Any, input: Tensor) -> dict[str, Tensor]:
        batch, states = input.shape[:-1], self.equations.states
        if hx is None:
            return {state: input.new_zeros(*batch, width) for state, width in self._widths.items()}
        return {
            state: check_state(name, state, value, (*batch, self._widths[state]), input)
            for state, value in zip(states, states_of(name, states, hx), strict=True)
        }

    def extra_repr(self) -> str:
        """Return the cell, its sizes, and the options that differ from their defaults."""
        options = {"bias": True, "backend": "auto"}
        shown = [f"{name}={value!r}" for name, d in options.items() if (value := getattr(self, name)) != d]
        return ", ".join([self.cell.name, str(self.input_size), str(self.hidden_size), *shown])


class LSTMCell(RecurrentCell):
    """One step of long short-term memory; `torch.nn.LSTMCell`'s arguments, parameters and results."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("lstm", input_size, hidden_size, bias, device, dtype)


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit; `torch.nn.GRUCell`'s arguments, parameters and results."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__("gru", input_size, hidden_size, bias, device, dtype)


class RNNCell(RecurrentCell):
    """One step of a simple recurrent network; `torch.nn.RNNCell`'s arguments, parameters and results.

    Raises:
        InputError: `nonlinearity` is neither `"tanh"` nor `"relu"`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(RNN(nonlinearity), input_size, hidden_size, bias, device, dtype)


def _batched(value: Tensor) -> Tensor:
    return value if value.dim() == 2 else value[None]
