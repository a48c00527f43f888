"""`Frozen`: the layers of a `Recurrent` for inference alone, with packed weights that are held."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from keepgate.errors import BackendError
from keepgate.native.stepper import check_storage
from keepgate.nn.checks import looked_at
from keepgate.nn.parameters import Layers
from keepgate.scan.torch_private import in_forward_mode

if TYPE_CHECKING:
    from keepgate.nn.recurrent import Recurrent

__all__ = ["Frozen"]

Mark = tuple[int, int, int]


class Frozen(Layers):
    """Layers for inference alone, on the native core; made by `Recurrent.frozen`.

    It is called as the layer is, and gives the same bits, in evaluation mode and without gradients, whatever `train`
    and `torch.no_grad` say. The weights are those of the moment in which it was made. They are packed then, and no call
    looks at them again: a layer that is not frozen compares them with a copy at every call, byte by byte, and packs
    those above 16 MiB anew.

    The parameters are the layer's own, under the same names: nothing is copied, and `state_dict` is as before. So each
    call looks whether they are as they were by what torch knows of them: whether each is the same tensor, at the same
    address, of the same version. An optimizer's step, `load_state_dict`, `to` and every other change in place that
    torch counts make the next call raise. What torch does not count is not seen: a write through ``.data`` or into
    memory that is shared with NumPy, and the step of a fused optimizer (``fused=True``).

    Args:
        layer: is not changed.
        storage: of the packed weights: `"full"`, or with float32 weights `"bfloat16"` or `"int8"`; see
            `keepgate.native.Stepper`.

    Raises:
        InputError: there is no such storage, or it does not go with the weights.
        BackendError: the native core does not run the layer, or its weights are of another dtype than float32 and
            float64. Later, at a call: a gradient is asked for, or a parameter has changed.
    """

    _layer: Recurrent
    _storage: str
    _marks: list[Mark] | None
    _held: Recurrent

    def __init__(self, layer: Recurrent, storage: str = "full") -> None:
        self.__dict__.update(layer.__dict__)
        self.__dict__.update(_layer=layer, _storage=storage)
        self._freeze()

    def _freeze(self) -> None:
        """Bind a second layer of the same parameters and pack their weights, by a call without a step."""
        layer: Any = self._layer
        if self.equations.map.axes:
            self._refuse(f"multiplies with matrices, not with the map {self.equations.map}")
        held = object.__new__(type(layer))
        held.__dict__.update(layer.__dict__, training=False, bound=None, held=self._storage)
        if layer._modules:  # parametrized: by what the parameters are now
            names = itertools.chain.from_iterable(layer._names)
            held.__dict__["_parameters"] = layer._parameters | {name: getattr(layer, name).detach() for name in names}
        self.__dict__.update(training=False, _parameters=held._parameters, _modules={}, _held=held, _marks=self._seen())
        weight, size = layer.all_weights[0][0].detach(), self.equations.resolve(self.input_size, self.hidden_size)
        shapes = [value.shape for values in layer.all_weights for value in values if value.dim() > 1]
        check_storage(self._storage, str(weight.dtype).removeprefix("torch."), shapes)
        shape = (1, 0) if self.batch_first else (0, 1)
        given = {name: weight.new_zeros(*shape, size[width]) for name, width in self.equations.step_inputs.items()}
        with torch.no_grad():
            held.forward(weight.new_zeros(*shape, self.input_size), step_inputs=given)
        if held.bound is None:
            what = f"{weight.dtype} on {weight.device}, backend {self.backend!r}"
            self._refuse(f"runs on the native core in float32 or float64; this one is of {what}")

    def forward(self, input: Any, hx: Any = None, *arguments: Any, **options: Any) -> tuple[Any, ...]:
        """Run all layers over time; arguments and results are those of `Recurrent.forward`.

        Raises:
            BackendError: a gradient is asked for, or a parameter has changed.
        """
        if looked_at() or in_forward_mode():
            self._refuse("runs outside torch.compile, torch.jit.trace and torch.func; call the layer itself")
        if self._marks is None:  # a copy
            self._freeze()
        elif self._marks != self._seen():
            self._refuse("has the weights of its beginning, and its parameters have changed since; freeze it again")
        if not torch.is_grad_enabled():
            return self._held.forward(input, hx, *arguments, **options)
        if any(value.requires_grad for value in _tensors((input, hx, arguments, options))):
            self._refuse("has no gradients, and an argument requires one; call the layer itself")
        with torch.no_grad():
            return self._held.forward(input, hx, *arguments, **options)

    def _refuse(self, why: str) -> NoReturn:
        raise BackendError(f"{type(self._layer).__name__}: a frozen layer {why}")

    def _seen(self) -> list[Mark]:
        """Return what tells whether a parameter has changed."""
        layer = self._layer
        own = layer.parameters() if layer._modules else layer._parameters.values()  # the latter is much faster
        return [
            (id(value), value.data_ptr(), 0 if value.is_inference() else value._version)
            for value in own
            if value is not None
        ]

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode, also where the model around goes into training."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled; a copy freezes its own parameters at its first call."""
        return {**self.__dict__, "_held": None, "_marks": None}


def _tensors(value: Any) -> Iterable[Tensor]:
    """Return the tensors in the arguments of a call."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
