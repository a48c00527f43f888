"""`Runner`: a network on arrays, whole sequences at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from keepgate.errors import InputError, KeepgateError, quoted, reason
from keepgate.networks import FLOAT, FLOAT64, INT64, Crf, Linear, Network, Step, Value
from keepgate.runtime.blocks import FUNCTIONS, At
from keepgate.store import read_model

__all__ = ["Runner"]


class Runner:
    """A network with its tensors, in inference.

    >>> import numpy as np
    >>> from keepgate.networks import FLOAT, Input, Linear, Network, Step, Value
    >>> network = Network((Input("x", Value(FLOAT, ("batch", 2))),), (Step("sum", Linear(2, 1), ("x",)),), ("sum",))
    >>> tensors = {"sum.weight": np.ones((1, 2), np.float32), "sum.bias": np.zeros(1, np.float32)}
    >>> Runner(network, tensors).run({"x": [[1.0, 2.0]]}, "sum").tolist()
    [[3.0]]

    Args:
        network: the description.
        tensors: by name, as `Network.parameters` names and shapes them.

    Raises:
        InputError: the tensors are not the network's.
    """

    def __init__(self, network: Network, tensors: Mapping[str, np.ndarray]) -> None:
        network.check(tensors)
        self.network, self.tensors = network, tensors
        weights = [tensors[name] for name, parameter in network.parameters().items() if parameter.dtype == FLOAT]
        self.dtype = np.result_type(*weights) if weights else np.dtype(np.float32)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read the network of a model folder, such as a run of `keepgate fit`; nothing in it is executed.

        Raises:
            InputError: a file is missing or damaged, the model was saved without its network, or its tensors do not fit
                it.
        """
        config, tensors = read_model(folder)
        if "network" not in config:
            raise InputError(
                f"{folder} was saved without its network, by keepgate 0.1.0; load it with keepgate.load and save "
                "it again"
            )
        try:
            runner = cls(Network.from_json(config["network"]), tensors)
            _check_numbers(runner.network, tensors)
        except KeepgateError as error:
            raise InputError(f"{folder} is damaged: {error}") from error
        return runner

    def run(self, inputs: Mapping[str, Any], *wanted: str) -> Any:
        """Compute values of the network from others.

        Args:
            inputs: arrays by the names of the network; None is left out.
            *wanted: names of the values to compute.

        Returns:
            The array, or, if several are wanted, a tuple of arrays.

        Raises:
            InputError: a value is missing, has another shape than the network says, or does not fit the others.
        """
        values = {name: self.array(name, value) for name, value in inputs.items() if value is not None}
        for step in self.network.between(values, wanted):
            sources = [values.get(name) for name in step.sources]
            try:
                with np.errstate(all="ignore"):  # numbers that are not finite are told by the results, as torch does
                    results = FUNCTIONS[type(step.block)](self.at(step), *sources)
            except (IndexError, TypeError, ValueError) as error:  # lengths beyond the time axis, symbols beyond a table
                where = f"step {quoted(step.name)} ({type(step.block).__name__})"
                raise InputError(f"{where} cannot run on these inputs: {reason(error)}") from error
            names = self.network.results(step)
            values.update(zip(names, results if isinstance(results, tuple) else (results,), strict=True))
        return values[wanted[0]] if len(wanted) == 1 else tuple(values[name] for name in wanted)

    def at(self, step: Step) -> At:
        """Return what a step's function has to know."""
        place = step.places[0]
        tensors = {n: self.tensors[f"{place}.{n}" if place else n] for n in step.block.parameters()}
        tied = step.block.tied if isinstance(step.block, Linear) else None
        return At(step.block, tensors, None if tied is None else self.tensors[tied], self.dtype)

    def array(self, name: str, value: Any) -> np.ndarray:
        """Return what is given for a value as an array of its dtype.

        Raises:
            InputError: the network has no such value, or it has other axes.
        """
        known = self.network.values().get(name)
        if known is None:
            raise InputError(f"the network has no value {name!r}")
        try:
            array = np.asarray(value, {FLOAT: self.dtype, FLOAT64: np.float64, INT64: np.int64}[known.dtype])
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{name} is no array of numbers: {error}") from error
        if not _fits(array.shape, known):
            raise InputError(f"{name} has the shape {array.shape}; expected {known}")
        return array


def _check_numbers(network: Network, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse tensors of integers, and numbers that are not finite; a score of what is impossible may be -inf."""
    scores = tuple(f"{place}." for step in network.steps if isinstance(step.block, Crf) for place in step.places)
    for name, tensor in tensors.items():
        finite = np.isfinite(tensor) | (np.isneginf(tensor) if name.startswith(scores) else False)
        if tensor.dtype.kind != "f" or not finite.all():
            raise InputError(f"the tensor {quoted(name)} has values that are no finite floating-point numbers")


def _fits(shape: tuple[int, ...], known: Value) -> bool:
    return len(shape) == len(known.shape) and all(
        isinstance(axis, str) or axis == size for size, axis in zip(shape, known.shape, strict=True)
    )
