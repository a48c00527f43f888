"""The parameters of layers of a cell: their names, their shapes, and how they begin."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from keepgate.cells import get, projected
from keepgate.equations import Cell, Equations, WrittenCell
from keepgate.errors import CellError, InputError, KindError, reason
from keepgate.maps import Map
from keepgate.networks.sizes import LayerSizes
from keepgate.nn.checks import check_options, check_weights
from keepgate.nn.initial import forget_biases, initialize
from keepgate.scan.checks import check_tensor
from keepgate.scan.engines import check_backend

__all__ = ["Layers", "Options"]


class Options(TypedDict, total=False):
    """What a layer takes beyond torch's arguments; see `Recurrent`."""

    backend: str
    recompute: bool
    forget_bias: float | None
    initial_state: str
    state_batch_first: bool
    weight_drop: float
    map: Map | None


class Layers(LayerSizes, nn.Module):
    """What `Recurrent` holds; its arguments are explained there."""

    bound: Any = None  # what is known of the layers before a call; see `Recurrent._stack`

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
        forget_bias: float | None = None,
        initial_state: str = "zeros",
        state_batch_first: bool = False,
        weight_drop: float = 0.0,
        map: Map | None = None,
    ) -> None:
        super().__init__()
        check_options(input_size, hidden_size, num_layers, dropout, proj_size, initial_state, weight_drop)
        found = get(cell) if map is None else mapped(get(cell), map)
        self.cell = projected(found, proj_size) if proj_size else found
        self.equations = self.cell.equations
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size, self.backend = bidirectional, proj_size, check_backend(backend)
        self.recompute, self.forget_bias, self.initial_state = recompute, forget_bias, initial_state
        self.state_batch_first, self.weight_drop, self.map = state_batch_first, float(weight_drop), map
        self._names: list[list[str]] = []
        factory = {"device": device, "dtype": dtype}
        for suffix in self.suffixes:
            self._add_layer(suffix, factory)
        if initial_state == "learned":
            for suffix in self.suffixes:
                for state, width in self.widths.items():
                    self.register_parameter(f"{state}_0{suffix}", nn.Parameter(torch.empty(width, **factory)))
        self.reset_parameters()

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def _add_layer(self, suffix: str, factory: dict[str, Any]) -> None:
        size = self.input_size if suffix in ("_l0", "_l0_reverse") else self.output_size
        specified = self.equations.parameters(size, self.hidden_size, self.bias)
        if not specified:
            raise CellError(f"{self.cell.name} has no parameters, so it is no layer; give it an affine map")
        for parameter in specified:
            try:
                value = torch.empty(parameter.shape, **factory)
            except RuntimeError as error:  # as torch says that there is no such memory
                shape = tuple(parameter.shape)
                raise InputError(f"{parameter.name} of shape {shape} cannot be made: {reason(error)}") from error
            self.register_parameter(parameter.name + suffix, nn.Parameter(value))
        self._own_names = [parameter.name for parameter in specified]
        self._names.append([parameter.name + suffix for parameter in specified])

    def reset_parameters(self) -> None:
        """Draw all parameters anew, in torch's order: the same seed gives the weights of `torch.nn.LSTM`."""
        starts = {p.name: p.initial for p in self.equations.parameters(self.input_size, self.hidden_size)}
        starts |= dict.fromkeys([f"{state}_0" for state in self.widths], 0.0)
        parameters = [(value, starts[name[: name.rindex("_l")]]) for name, value in self.named_parameters()]
        initialize(parameters, self.equations.map.fan_in(self.hidden_size))
        if self.forget_bias is not None:
            for (name, gate, count), start in forget_biases(self.equations, self.forget_bias, self.bias):
                for suffix in self.suffixes:
                    nn.init.constant_(getattr(self, name + suffix).chunk(count)[gate], start)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        own = {name: state_dict[prefix + name] for name, _ in self.named_parameters() if prefix + name in state_dict}
        check_weights(type(self).__name__, {name: value for name, value in own.items() if isinstance(value, Tensor)})
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[arg-type]

    @property
    def drops(self) -> bool:
        """Whether what a layer gives to the next one is dropped out."""
        return bool(self.dropout and self.training and self.num_layers > 1)

    @property
    def draws(self) -> bool:
        """Whether the cell or the weights draw random bits."""
        return bool(self.training and (self.equations.noisy or self.weight_drop))

    def flatten_parameters(self) -> None:
        """Do nothing: there for code written for torch's modules."""

    def extra_repr(self) -> str:
        """Return the options that differ from their defaults."""
        shown = [f"{name}={value!r}" for name, usual in DEFAULTS.items() if (value := getattr(self, name)) != usual]
        return ", ".join([self.cell.name, str(self.input_size), str(self.hidden_size), *shown])

    def parameters_of(self, row: int) -> dict[str, Tensor]:
        """Return the parameters of one layer and direction, by their names in the equations."""
        return {own: getattr(self, name) for own, name in zip(self._own_names, self._names[row], strict=True)}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and forget what is known of the layers before a call."""
        super().__setattr__(name, value)
        self.__dict__["bound"] = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled."""
        return {**self.__dict__, "bound": None}

    def learned_states(self) -> dict[str, Tensor]:
        """Return the initial states that are learned, by name, [R, W]; none where they are zeros."""
        if self.initial_state != "learned":
            return {}
        weight, found = self.all_weights[0][0], {}
        for state, width in self.widths.items():
            values = {f"{state}_0{suffix}": getattr(self, f"{state}_0{suffix}") for suffix in self.suffixes}
            for name, value in values.items():
                check_tensor(name, value, (width,), weight, f"{type(self).__name__}: ")
            found[state] = torch.stack([*values.values()])
        return found


def mapped(cell: Cell, product: Map) -> Cell:
    """Return a cell whose affine maps multiply with another map.

    Raises:
        KindError: it is no map.
    """
    if not isinstance(product, Map):
        raise KindError(f"expected a map of keepgate.maps, such as Convolution(3), got {type(product).__name__}")
    return WrittenCell(replace(cell.equations, map=product), cell.paper)


DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(Layers).parameters.items()
    if parameter.default is not parameter.empty and name not in ("device", "dtype")
}
