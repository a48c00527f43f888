"""A network as data: named inputs, and steps that each put a block to values that are there already.

>>> from keepgate.networks import FLOAT, Input, Linear, Network, Softmax, Step, Value
>>> network = Network(
...     (Input("x", Value(FLOAT, ("batch", 3))),),
...     (Step("output", Linear(3, 2), ("x",)), Step("probabilities", Softmax(), ("output",))),
...     ("probabilities",),
... )
>>> {name: parameter.shape for name, parameter in network.parameters().items()}
{'output.weight': (2, 3), 'output.bias': (2,)}
>>> print(network.values()["probabilities"])
float [batch, 2]

A step's name is where its tensors are in the state dict; its result is known by that name, further results as
`name.result`. Any value can be given and any value asked for: what has to be computed follows from both. So a
network's parts, such as an encoder and a decoder's step, are cuts of one description, and training may begin behind a
front end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from keepgate.errors import InputError, quoted
from keepgate.networks.block import FLOAT, FLOAT64, INT64, LARGEST, Block, Input, Parameter, Value, block_from_json
from keepgate.networks.layers import Linear

__all__ = ["Network", "Step"]

FORMAT = 1
MOST = {"inputs": 100, "steps": 1000, "outputs": 100, "sources": 100, "axes": 10}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")


@dataclass(frozen=True)
class Step:
    """A block, and the names of the values that it reads; an empty name is left out.

    `prefix`: where its tensors are, if not under its own name: the name of an earlier step shares that step's;
    `copied`: in the state dict they are under its own name, too.
    """

    name: str
    block: Block
    sources: tuple[str, ...]
    prefix: str | None = None
    copied: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The prefixes of its tensors, and of their copies."""
        if self.prefix is None:
            return (self.name,)
        return (self.prefix, self.name) if self.copied else (self.prefix,)


@dataclass(frozen=True)
class Network:
    """A network; one whose parts do not fit is refused.

    Raises:
        InputError: a name is taken or unknown, or a value does not fit the block that reads it; the message says which.
    """

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        values = self.values()
        self.parameters()
        if unknown := [name for name in self.outputs if name not in values]:
            raise InputError(f"the network's output {quoted(unknown[0])} is none of its values")

    def values(self) -> dict[str, Value]:
        """Return the dtype and the axes of every value by name."""
        return {name: value for results in self._results.values() for name, value in results.items()}

    @cached_property
    def by_name(self) -> dict[str, Step]:
        """The steps by name."""
        return {step.name: step for step in self.steps}

    def results(self, step: Step) -> tuple[str, ...]:
        """Return the names of a step's results."""
        return tuple(self._results[step.name])

    @cached_property
    def _results(self) -> dict[str, dict[str, Value]]:
        """The values that each input and each step gives."""
        values: dict[str, Value] = {}
        results: dict[str, dict[str, Value]] = {}
        for entry in self.inputs:
            results[entry.name] = _new(values, {entry.name: entry.value}, f"the network's input {quoted(entry.name)}")
        for step in self.steps:
            where = f"step {quoted(step.name)} ({type(step.block).__name__})"
            if unknown := [name for name in step.sources if name and name not in values]:
                raise InputError(f"{where} reads {quoted(unknown[0])}, which no step before it gives")
            try:
                read = step.block.read([values[name] if name else None for name in step.sources])
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
            named = {f"{step.name}.{key}" if key else step.name: value for key, value in read.items()}
            results[step.name] = _new(values, named, where)
        return results

    def parameters(self) -> dict[str, Parameter]:
        """Return every tensor by its name in the state dict, with its shape and dtype.

        Raises:
            InputError: two steps have different tensors of one name, or a tied tensor is not there.
        """
        parameters: dict[str, Parameter] = {}
        for step in self.steps:
            if step.prefix and (step.prefix == step.name or step.prefix not in self.by_name):
                raise InputError(f"step {quoted(step.name)} has the tensors of {quoted(step.prefix)}, which is no step")
            for name, parameter in step.block.parameters().items():
                for full in (f"{place}.{name}" if place else name for place in step.places):
                    if parameters.setdefault(full, parameter) != parameter:
                        before = parameters[full]
                        raise InputError(f"step {quoted(step.name)}: {full} is {before} already, not {parameter}")
        for step in self.steps:
            block = step.block
            if not isinstance(block, Linear) or block.tied is None:
                continue
            if parameters.get(block.tied) != Parameter((block.outputs, block.inputs)):
                raise InputError(f"step {quoted(step.name)}: no {quoted(block.tied)} of its shape is there")
        return parameters

    def between(self, inputs: Iterable[str], wanted: Iterable[str]) -> tuple[Step, ...]:
        """Return the steps that compute some values from others, in order.

        Args:
            inputs: names of the values that are known.
            wanted: names of the values to compute.

        Raises:
            InputError: a name is unknown, or a value needs an input that is not known.
        """
        have, missing, steps, values = set(inputs), set(wanted), [], self.values()
        if unknown := [name for name in (*have, *missing) if name not in values]:
            raise InputError(f"the network has no value {quoted(unknown[0])}")
        missing -= have
        for step in reversed(self.steps):
            if made_here := missing.intersection(self._results[step.name]):
                steps.append(step)
                missing = (missing - made_here) | (set(filter(None, step.sources)) - have)
        if absent := missing - {inputs.name for inputs in self.inputs if inputs.optional}:
            raise InputError(f"{', '.join(sorted(absent))} must be given")
        return tuple(reversed(steps))

    def check(self, tensors: Mapping[str, Any]) -> None:
        """Refuse tensors, by name, that are not those of `parameters`.

        Raises:
            InputError: a tensor is missing, unknown or of another shape; the message names it.
        """
        wanted = self.parameters()
        if missing := [name for name in wanted if name not in tensors]:
            raise InputError(f"the tensor {missing[0]} {wanted[missing[0]].shape} is missing")
        for name, tensor in tensors.items():
            if name not in wanted:
                raise InputError(f"the tensor {quoted(name)} is none of the network's")
            if tuple(tensor.shape) != wanted[name].shape:
                raise InputError(f"the tensor {name} has the shape {tuple(tensor.shape)}, not {wanted[name].shape}")

    def to_json(self) -> dict[str, Any]:
        """Return the network as plain data; `from_json` reads it back."""
        return {
            "format": FORMAT,
            "inputs": [
                {"name": i.name, "dtype": i.value.dtype, "shape": list(i.value.shape), "optional": i.optional}
                for i in self.inputs
            ],
            "steps": [
                {"name": s.name, "block": s.block.to_json(), "sources": list(s.sources)}
                | ({} if s.prefix is None else {"prefix": s.prefix, "copied": s.copied})
                for s in self.steps
            ],
            "outputs": list(self.outputs),
        }

    @classmethod
    def from_json(cls, data: Any) -> Network:
        """Read what `to_json` wrote; nothing in it is executed, and all that it holds is bounded.

        Raises:
            InputError: it is no network.
        """
        try:
            if data["format"] != FORMAT:
                raise InputError(f"format {quoted(data['format'])} of the network is not {FORMAT}")
            inputs = tuple(
                Input(_text(i["name"]), Value(_dtype(i["dtype"]), _shape(i["shape"])), bool(i["optional"]))
                for i in _items(data, "inputs")
            )
            steps = tuple(
                Step(
                    _text(s["name"]),
                    block_from_json(s["block"]),
                    tuple(_text(name, empty=True) for name in _items(s, "sources")),
                    None if s.get("prefix") is None else _text(s["prefix"], empty=True),
                    bool(s.get("copied")),
                )
                for s in _items(data, "steps")
            )
            return cls(inputs, steps, tuple(_text(name) for name in _items(data, "outputs")))
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else error
            raise InputError(f"the network is damaged: {detail}") from error


def _new(values: dict[str, Value], new: dict[str, Value], where: str) -> dict[str, Value]:
    """Add new values to those that are there, and return them."""
    for name in new:
        if not NAME.fullmatch(name) or name in values:
            raise InputError(f"{where}: the name {quoted(name)} is {'taken' if name in values else 'no name'}")
    values.update(new)
    return new


def _items(data: Any, name: str) -> list[Any]:
    items = data[name]
    if not isinstance(items, list) or len(items) > MOST[name]:
        raise InputError(f"the network is damaged: its {name} are no list of at most {MOST[name]}")
    return items


def _text(value: Any, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > 200 or not (NAME.fullmatch(value) or (empty and not value)):
        raise InputError(f"the network is damaged: {quoted(value)} is no name")
    return value


def _dtype(value: Any) -> str:
    if value not in (FLOAT, FLOAT64, INT64):
        raise InputError(f"the network is damaged: {quoted(value)} is no dtype")
    return value


def _shape(value: Any) -> tuple[int | str, ...]:
    if not isinstance(value, list) or len(value) > MOST["axes"]:
        raise InputError("the network is damaged: a shape is no list of axes")
    for axis in value:
        if isinstance(axis, bool) or not ((isinstance(axis, int) and 0 < axis <= LARGEST) or isinstance(axis, str)):
            raise InputError(f"the network is damaged: {quoted(axis)} is no axis")
    return tuple(value if isinstance(value, int) else _text(value) for value in value)
