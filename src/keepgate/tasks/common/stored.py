"""The model file of an estimator: what is written, and how it is read back.

The checksums of a model file reveal accidents; an attacker writes new ones. So every value is checked against a schema
before anything is built from it; the network is first built on torch's device "meta", where sizes cost nothing, and
gets memory only if the tensors in the file are its own, name by name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import keepgate
from keepgate import cells, schema, store
from keepgate.equations import Cell, Equations, WrittenCell
from keepgate.errors import InputError, KeepgateError, MissingExtraError, quoted, reason
from keepgate.networks import Network
from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.parameters import checks, with_tuples
from keepgate.tasks.common.running import device_named
from keepgate.training.tree import check_alike, check_finite

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator

__all__ = ["Stored", "sizes_only", "write"]

E = TypeVar("E", bound="Estimator")
FILLS = {"normal_", "uniform_", "fill_", "zero_"}


def anything(name: str, value: Any) -> None:
    """Accept any value: it has a reader of its own."""


def write(estimator: Estimator, folder: Path) -> None:
    """Write a fitted estimator to `folder`: config.json and model.safetensors, replaced atomically."""
    names = {"cell": estimator.cell_name(), "device": str(estimator.device)}
    config = {
        "keepgate": keepgate.__version__,
        "task": estimator.TASK,
        "parameters": {**estimator.plain_parameters(), **names},
        "equations": estimator.equations_.to_json(),
        "columns": dataclasses.asdict(getattr(estimator, "columns_", estimator.Columns())),
        "fitted": estimator.state_to_json(),
        "network": estimator.network_.description.to_json(),
    }
    tensors = {name: t.detach().cpu().numpy() for name, t in estimator.network_.state_dict().items()}
    store.write_model(folder, config, tensors)


@dataclass(frozen=True)
class Stored:
    """A folder's configuration and tensors, which belong together but are not checked any further yet.

    Attributes:
        folder: where they were read.
        config: the configuration.
        tensors: by name.
    """

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, folder: str | Path) -> Stored:
        """Read both files.

        Raises:
            InputError: one of them is missing, cut short or altered.
        """
        return cls(Path(folder), *store.read_model(folder))

    @property
    def task(self) -> str:
        """The task that the model is for.

        Raises:
            InputError: the file names none.
        """
        with _blamed(f"{self.folder}/config.json"):
            schema.text()("task", self.config.get("task"))
        return self.config["task"]

    def restore(self, kind: type[E], device: str) -> E:
        """Return the estimator that was saved, on a device.

        Args:
            kind: its class.
            device: as its parameter `device`.

        Raises:
            InputError: one sentence that names the folder, whatever is wrong with it.
        """
        if self.task != kind.TASK:
            raise InputError(f"{self.folder} holds a model for {quoted(self.task)}, not for '{kind.TASK}'")
        with _blamed(f"{self.folder}/config.json does not describe a '{kind.TASK}' model"):
            estimator = self._untrained(kind)
        estimator.device = device
        place = device_named(device)
        with _blamed(f"{self.folder}/model.safetensors does not fit its config.json"):
            fill(estimator.network_, self.tensors)
        estimator.network_.to(place).eval()
        with _blamed(f"{self.folder} is damaged"):
            estimator.read_companions(self.folder)
        estimator.fix_parameters()
        return estimator

    def _untrained(self, kind: type[E]) -> E:
        """Return the estimator, its network on the device "meta"."""
        config = with_later(without_retired(self.config, kind.retired), kind)
        parts = {"keepgate": schema.text(), "task": schema.text(), "equations": anything, "fitted": kind.STATE}
        parts["parameters"] = schema.record(**checks(kind))
        parts["columns"] = schema.record(**checks(kind.Columns))
        if "network" in config:  # files of 0.1.0 have none
            parts["network"] = anything
        schema.record(**parts)("", config)
        equations = Equations.from_json(config["equations"])
        parameters = with_tuples(config["parameters"])
        estimator = kind(**{**parameters, "cell": stored_cell(parameters["cell"], equations), "device": "cpu"})
        estimator.check_parameters()
        estimator.equations_ = equations
        estimator.columns_ = kind.Columns(**with_tuples(config["columns"]))
        least = estimator.num_layers * len(equations.parameters(1, 1))
        if least > len(self.tensors):
            raise InputError(
                f"num_layers={estimator.num_layers:,} need more than the {len(self.tensors)} tensors there are"
            )
        if "network" in config:
            Network.from_json(config["network"]).check(self.tensors)
        with sizes_only():
            estimator.set_state(config["fitted"])
        return estimator


def without_retired(config: Mapping[str, Any], retired: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration less the parameters that earlier versions had.

    Args:
        config: the configuration.
        retired: their names, and the only value that each may have.

    Raises:
        InputError: one has another value.
    """
    parameters = config.get("parameters")
    if not isinstance(parameters, dict):
        return config
    for name, value in retired.items():
        if (stored := parameters.get(name, value)) is not value:
            raise InputError(f"parameters.{name}={quoted(stored)} is not {value}")
    return {**config, "parameters": {name: value for name, value in parameters.items() if name not in retired}}


def with_later(config: Mapping[str, Any], kind: type[Estimator]) -> Mapping[str, Any]:
    """Return a configuration with the parameters, columns and state that came after it was written, as they were."""
    filled, parts = dict(config), {"parameters": checks(kind), "columns": checks(kind.Columns)}
    later = [item for base in kind.__mro__ for item in vars(base).get("later", {}).items()]
    for name, value in later:
        part = next((part for part, names in parts.items() if name in names), "fitted")
        if isinstance(filled.get(part), dict):
            filled[part] = {name: value, **filled[part]}
    return filled


class _Unfilled(TorchFunctionMode):
    """Inside, what would fill a tensor on the device "meta" does nothing: `normal_` there imports half of torch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {**dict(enumerate(args)), **(kwargs or {})}
        filled = given.get(0, given.get("tensor"))  # of the method, or of `torch.nn.init`
        if getattr(func, "__name__", "") in FILLS and isinstance(filled, torch.Tensor) and filled.is_meta:
            return filled
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def sizes_only() -> Iterator[None]:
    """Inside, new modules have tensors with sizes and without memory, and draw no random numbers."""
    with torch.device("meta"), _Unfilled():
        yield


def stored_cell(named: str, equations: Equations) -> str | Cell:
    """Return the parameter `cell` of a loaded model.

    It is the name, where that means the stored equations without a file being run; else a cell of these equations.
    """
    with contextlib.suppress(KeepgateError):
        if cells.get(named, files=False).equations.dumps() == equations.dumps():
            return named
    return WrittenCell(equations)


def fill(network: nn.Module, tensors: Mapping[str, np.ndarray]) -> None:
    """Give a network on the device "meta" the tensors of a file.

    Raises:
        InputError: it names the first one that is missing, unknown, of another shape or type, or not finite.
    """
    values = {name: torch.from_numpy(array) for name, array in tensors.items()}
    check_alike(network.state_dict(), values)
    check_finite(
        values, tuple(f"{name}." for name, part in network.named_modules() if isinstance(part, LinearChainCRF))
    )
    # Copies in memory of torch's own, which is aligned as that of a trained network: so results have the same bits.
    network.load_state_dict({name: value.clone() for name, value in values.items()}, assign=True)


@contextlib.contextmanager
def _blamed(what: str) -> Iterator[None]:
    """Inside, whatever goes wrong becomes an InputError of one sentence that begins with `what`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MissingExtraError:
        raise
    except KeepgateError as error:
        raise InputError(f"{what}: {error}") from error
    except Exception as error:
        raise InputError(f"{what}: {type(error).__name__}: {reason(error)}") from error
