"""`NetworkModule`: a network's description as a torch module, for training and for estimators."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from keepgate.networks import Linear, Network, Step
from keepgate.nn.blocks import FUNCTIONS, At, module_of
from keepgate.runtime import Runner

__all__ = ["NetworkModule"]

RECURRENT = re.compile(r"(member\.\d+\.)?recurrent")


class NetworkModule(nn.Module):
    """A network whose state dict has the names of its description.

    A task's network is a subclass that adds a loss. The order of its tensors and that in which their first values are
    drawn are part of what a seed promises, so a subclass can fix both.

    Attributes:
        LISTED: steps whose tensors come before all others; `encoder` stands for `encoder.0` too.
        DRAWN: steps whose tensors are drawn before all others, likewise.
        description: the network.

    Args:
        description: the network.
        backend: the engine of its recurrences; see `keepgate.scan`.
    """

    LISTED: ClassVar[tuple[str, ...]] = ()
    DRAWN: ClassVar[tuple[str, ...]] = ()

    def __init__(self, description: Network, backend: str = "auto") -> None:
        super().__init__()
        self.description = description
        self._plans: dict[Any, Any] = {}
        with torch.random.fork_rng(devices=[]):
            for step in sorted(self._first(self.LISTED), key=lambda step: step.copied):  # copies after what they copy
                self._hold(step, backend)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all tensors anew."""
        for step in self._first(self.DRAWN):
            if step.prefix is None:
                self._draw(step)

    def _draw(self, step: Step) -> None:
        """Draw the tensors of a step."""
        if reset := getattr(self.get_submodule(step.name), "reset_parameters", None):
            reset()

    def _first(self, names: Sequence[str]) -> list[Step]:
        """Return the steps that have tensors, those with these names, or below them, before all others."""

        def rank(step: Step) -> int:
            return next((k for k, name in enumerate(names) if f"{step.name}.".startswith(f"{name}.")), len(names))

        return sorted((step for step in self.description.steps if step.block.parameters()), key=rank)

    def _hold(self, step: Step, backend: str) -> None:
        """Register the module of a step, that of another one, or its tensors as the network's own."""
        if step.prefix == "":
            for name, parameter in module_of(step.block, backend).named_parameters():
                self.register_parameter(name, parameter)
            return
        if step.prefix is None or step.copied:
            module = module_of(step.block, backend) if step.prefix is None else self.get_submodule(step.prefix)
            *path, name = step.name.split(".")
            parent: nn.Module = self
            for part, below in zip(path, step.name.split(".")[1:], strict=True):
                if part not in parent._modules:
                    parent.add_module(part, nn.ModuleList() if below.isdigit() else nn.Module())
                parent = parent.get_submodule(part)
            parent.add_module(name, module)

    def run(self, given: Mapping[str, Any], *wanted: str) -> Any:
        """Return what is wanted of what is given, both by the names of the description.

        Args:
            given: tensors by name; None is left out.
            *wanted: names; of one the tensor is returned, of more a tuple of them.

        Raises:
            InputError: what is wanted needs a value that is not given.
        """
        values = {name: value for name, value in given.items() if value is not None}
        for step, names in self._plan(tuple(values), wanted):
            found = FUNCTIONS[type(step.block)](self._at(step), *(values.get(name) for name in step.sources))
            values.update(zip(names, found if isinstance(found, tuple) else (found,), strict=True))
        return values[wanted[0]] if len(wanted) == 1 else tuple(values[name] for name in wanted)

    def _plan(self, given: tuple[str, ...], wanted: tuple[str, ...]) -> list[tuple[Step, tuple[str, ...]]]:
        """Return the steps from what is given to what is wanted, each with the names of its results."""
        if (given, wanted) not in self._plans:
            steps = self.description.between(given, wanted)
            self._plans[given, wanted] = [(step, self.description.results(step)) for step in steps]
        return self._plans[given, wanted]

    def _at(self, step: Step) -> At:
        tied = step.block.tied if isinstance(step.block, Linear) else None
        module = self.get_submodule(step.places[0]) if step.block.parameters() else None
        return At(step.block, module, None if tied is None else self.get_parameter(tied), self.training, self.dtype)

    def run_on(self, given: Mapping[str, Any], state: Any, *wanted: str) -> tuple[tuple[Any, ...], Any]:
        """Return what is wanted, and the states that step `recurrent` ends in from `state` (None: zero).

        Of an ensemble, they are those of all members, one after the other.
        """
        steps = self.recurrent_steps
        names = [name for step in steps for name in step.sources[2:]]
        initial = {} if state is None else dict(zip(names, state, strict=True))
        found = self.run({**given, **initial}, *wanted, *(n for s in steps for n in self.description.results(s)[1:]))
        return found[: len(wanted)], found[len(wanted) :]

    @property
    def recurrent_steps(self) -> list[Step]:
        """The step `recurrent`, or those of all members of an ensemble."""
        return [step for step in self.description.steps if RECURRENT.fullmatch(step.name)]

    @property
    def directions(self) -> int:
        """In how many the recurrent layers read, 1 or 2."""
        block: Any = self.recurrent_steps[0].block
        return block.directions

    def runner(self) -> Runner:
        """Return the network with the weights of now, for NumPy."""
        return Runner(self.description, self.arrays())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the tensors of now as arrays, by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}

    @property
    def dtype(self) -> torch.dtype:
        """That of the weights."""
        return next((parameter.dtype for parameter in self.parameters()), torch.get_default_dtype())

    def extra_repr(self) -> str:
        """Return the steps without tensors: what a resumed run has to have in common beyond the shapes."""
        return "\n".join(f"{s.name} = {s.block}" for s in self.description.steps if not s.block.parameters())
