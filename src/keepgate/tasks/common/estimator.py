"""What the estimators of all tasks share: parameters as dataclass fields, network and trainer settings, files.

An estimator is a dataclass whose fields are its parameters, each made by `param`, which keeps the help text
that the command line shows for its flag. scikit-learn's rules hold: `__init__` only stores, `fit` checks the
parameters and sets attributes that end in an underscore, `get_params` and `clone` work.

A new task is a subclass that gives

* `task`, its name on the command line, and a row in `keepgate.tasks.TASKS`;
* `fit(data, valid=None, run=None)`: `check_parameters()`, build `network_` inside `seeded()`, then
  `train_network(...)`;
* `fitted()` and `restore(fitted)`: the JSON values that rebuild an untrained `network_` of the same shape; and
  `FITTED`: what each of them must be (`keepgate.schema`), since a file may say anything;
* for the command line `Columns`, `read`, `predict_table`, `evaluate` and `sections` (see each below), and, where a
  suffix of `--out` names more than a table, `encoders`, from a table of predictions to the bytes of the file;
* `to_onnx(graph)`; or `onnx_parts`, names of several files, and `to_onnx(graph, part)`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

import keepgate
from keepgate import cells, limits, schema, store
from keepgate import networks as blocks
from keepgate.equations import Equations
from keepgate.errors import InputError, quoted, reason
from keepgate.nn.network import NetworkModule
from keepgate.tasks.common.parameters import EPOCHS, EXAMPLES, LAYERS, NORM, SHARE, SIZE, STRENGTH, checks, param
from keepgate.tasks.common.sessions import TURNS, Sessions
from keepgate.tasks.common.stored import Stored, sizes_only
from keepgate.training import Examples, Settings, train
from keepgate.training.settings import OPTIMIZERS, SCHEDULES
from keepgate.training.tree import to_device

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


OWN_CHECKS = ("cell", "device")  # parameters that may be objects too


class NotFitted(InputError, NotFittedError):
    """An estimator is asked before `fit`; scikit-learn's `NotFittedError` too."""


@dataclass(frozen=True)
class NoColumns:
    """The `Columns` of a task that needs no names of columns beyond its own parameters."""


@dataclass(eq=False, repr=False, kw_only=True)
class Estimator(BaseEstimator):
    """Base of the estimators; not used by itself.

    `fit` sets `equations_` (the cell's), `network_` (the torch module) and `history_` (a dict for every epoch);
    `remember` sets `columns_` (a `Columns` object) where the data came from a file.
    """

    task: ClassVar[str]
    formats: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".parquet", ".arrow", ".feather")  # files that `read` takes
    encoders: ClassVar[Mapping[str, Callable[[Any], bytes]]] = {}  # further files that predictions are written to
    onnx_parts: ClassVar[tuple[str, ...]] = ()  # a model that is exported as several files: their names
    Columns: ClassVar[type] = NoColumns  # a dataclass of `param` fields: the names of a file's columns, as flags
    FITTED: ClassVar[schema.Check]  # what `fitted` returns, and a model file must say
    fixed: ClassVar[tuple[str, ...]] = ()  # parameters that the network goes by, so that `fit` has the last word

    cell: str = param("lstm", "recurrent cell: a name from `keepgate cells` or path/to/file.py:Name")
    hidden_size: int = param(64, "units of each layer and direction", **SIZE)
    num_layers: int = param(1, "recurrent layers, one above the other", **LAYERS)
    bidirectional: bool = param(False, "read the sequence in both directions")
    dropout: float = param(0.0, "share of activations dropped while training", **SHARE)
    epochs: int = param(50, "passes over the training data", **EPOCHS)
    batch_size: int = param(32, "examples in one step of the optimizer", **EXAMPLES)
    optimizer: str = param("adamw", "optimizer", choices=OPTIMIZERS)
    learning_rate: float = param(1e-3, "highest step size of the optimizer", **STRENGTH)
    weight_decay: float = param(0.01, "weight decay of the optimizer", **STRENGTH)
    clip_norm: float | None = param(1.0, "largest norm of the gradient; longer ones are scaled down", **NORM)
    schedule: str = param("cosine", "course of the step size over the epochs", choices=SCHEDULES)
    warmup: float = param(0.05, "share of all steps over which the step size rises to its highest", **SHARE)
    patience: int | None = param(
        None, "stop after this many epochs without a better held-out loss (none: never)", **EPOCHS
    )
    seed: int = param(0, "seed of all that is random; the same seed gives the same model", minimum=0, maximum=2**32 - 1)
    backend: str = param("auto", "engine of the recurrence: auto, or one that `keepgate doctor` lists")
    device: str = param("auto", "where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, ...")
    threads: int | None = param(
        1,
        "processor threads; one is fastest for networks of the default size (none: torch's own setting)",
        minimum=1,
        maximum=1_024,
    )
    progress: bool = param(True, "show a progress bar where standard error is a terminal")

    equations_: Equations = field(init=False)
    network_: NetworkModule = field(init=False)
    history_: list[dict[str, Any]] = field(init=False)
    columns_: Any = field(init=False)

    # What a task gives to the command line

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> Any:
        """Read a file; return what `fit`, `predict_table` and `evaluate` take as their `data`.

        `columns` is a `cls.Columns`, by default `cls.Columns()`. Without `labelled` the target may be missing from
        the file: it is only predicted for. Raises InputError that names file, row and column.
        """
        raise NotImplementedError

    def remember(self, columns: Any) -> None:
        """Set `columns_`: how the file that was fitted to was read, so that the next one is read alike."""
        self.columns_ = columns

    def predict_table(self, data: Any) -> Any:
        """Predictions as a pyarrow table, in the form that `keepgate predict` writes."""
        raise NotImplementedError

    def evaluate(self, data: Any) -> list[dict[str, Any]]:
        """One row for this model and one for every honest baseline: `{"model": name, metric: value, ...}`."""
        raise NotImplementedError

    def sections(self, data: Any, valid: Any) -> list[Any]:
        """The task's part of report.html, as `keepgate.tasks.report.Section` objects.

        `data` and `valid` (or None) are what `fit` was given; parameters and learning curve are in the report anyway.
        """
        raise NotImplementedError

    def notes(self, data: Any) -> list[str]:
        """What is to be known of a file that was read, a sentence each, such as rows that were left out."""
        return []

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Further files of a run's folder by name: what each is, in words, and its content."""
        return {}

    # What a task gives to the model file

    def fitted(self) -> dict[str, Any]:
        """JSON values, beside parameters and tensors, that the fitted estimator consists of."""
        raise NotImplementedError

    def restore(self, fitted: dict[str, Any]) -> None:
        """From what `fitted` returned, set the fitted attributes and build `network_` with any weights.

        `fitted` has passed `FITTED`; what does not go together is an InputError. torch's device is "meta": the network
        takes no memory, and its weights come later, from the file.
        """
        raise NotImplementedError

    def restore_more(self, folder: Path) -> None:
        """Read what `save` has written beside the two files of the model."""

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator to `folder`: config.json and model.safetensors, replaced atomically."""
        self.check_fitted()
        config = {
            "keepgate": keepgate.__version__,
            "task": type(self).task,
            "parameters": {**self._plain_parameters(), "cell": self.cell_name(), "device": str(self.device)},
            "equations": self.equations_.to_json(),
            "network": self.network_.description.to_json(),
            "columns": dataclasses.asdict(getattr(self, "columns_", self.Columns())),
            "fitted": self.fitted(),
        }
        tensors = {name: t.detach().cpu().numpy() for name, t in self.network_.state_dict().items()}
        store.write_model(Path(folder), config, tensors)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Self:
        """Read an estimator that `save` wrote and put it on `device`, wherever it was trained.

        A model file is data: nothing in it runs. A cell that came from a file of the user's is from now on the
        equations that the model has stored, also for a further `fit`.

        Raises InputError for a folder of another task, and for files that were cut short or altered.
        """
        return Stored.read(folder).restore(cls, device)

    def cell_name(self) -> str:
        """The cell as it was named, or the name of a cell that was given as an object."""
        return self.cell if isinstance(self.cell, str) else self.equations_.name

    def to_onnx(self, graph: Graph) -> None:
        """Emit the fitted estimator for `keepgate.export.onnx`, by `emit_network`."""
        raise NotImplementedError

    def emit_network(
        self, graph: Graph, inputs: Mapping[str, tuple[str, str]], outputs: Mapping[str, tuple[str, str]]
    ) -> None:
        """Emit a part of the network; inputs and outputs: by name, what they are called in the file, and a text."""
        from keepgate.export.network import emit_network

        graph.metadata["task"] = self.task
        assert isinstance(self.network_, NetworkModule)
        emit_network(graph, self.network_.description, self.network_.arrays(), inputs, outputs)

    # What `fit` is made of

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value; set `equations_`, those of the cell."""
        self._check_values()
        self.settings()
        self.torch_device()
        self.equations_ = cells.get(self.cell).equations
        if self.equations_.step_inputs:
            names = ", ".join(self.equations_.step_inputs)
            raise InputError(f"cell {self.cell_name()} needs the step inputs {names}, which '{self.task}' cannot give")

    def _check_values(self) -> None:
        for name, check in checks(type(self)).items():
            if name not in OWN_CHECKS:
                check(name, getattr(self, name))

    def check_fitted(self) -> None:
        """Raise InputError before `fit`, and for parameters that were changed after it to what cannot be."""
        if not hasattr(self, "network_"):
            raise NotFitted(f"this {type(self).__name__} is not fitted yet: call fit first, or load a model")
        self._check_values()
        for name, then in getattr(self, "_fixed", {}).items():
            if (now := getattr(self, name)) != then:
                raise InputError(f"{name}={quoted(now)} was set after fit, which had {quoted(then)}: fit again")

    def fix(self) -> None:
        """From now on the parameters `fixed` have to stay as they are."""
        self._fixed = {name: getattr(self, name) for name in self.fixed}

    def settings(self) -> Settings:
        """The trainer's settings: every field of `Settings` that this estimator has a parameter for."""
        names = {f.name for f in dataclasses.fields(Settings)}
        return Settings(**{name: value for name, value in self._plain_parameters().items() if name in names})

    def _plain_parameters(self) -> dict[str, Any]:
        """The parameters as Python values, where a search over a NumPy array may have left NumPy ones."""
        values = self.get_params(deep=False).items()
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values}

    def torch_device(self) -> torch.device:
        """The device that parameter `device` means here; InputError for one that is none or holds no numbers."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            found = torch.empty(0, device=self.device).device
        except Exception as error:  # torch raises many kinds for a device that it lacks
            raise InputError(f"device {quoted(self.device)} cannot be used here: {reason(error)}") from error
        if found.type == "meta":
            raise InputError(f"device {quoted(self.device)} cannot be used: it computes nothing")
        return found

    @contextlib.contextmanager
    def seeded(self) -> Iterator[None]:
        """Inside, torch's random numbers follow `seed`; afterwards the caller's generator is as it was."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            yield

    @contextlib.contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Inside, torch takes `threads` threads; afterwards as many as before."""
        before = torch.get_num_threads()
        torch.set_num_threads(int(self.threads or before))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _network(self) -> nn.Module:
        """The task's network, untrained, by the parameters and the fitted attributes."""
        raise NotImplementedError

    def new_network(self) -> Any:
        """The network that `fit` begins with, by the seed; InputError for one of more weights than memory may hold."""
        with sizes_only():
            count = sum(parameter.numel() for parameter in self._network().parameters())
        limits.check("weights", count, "the network")
        with self.seeded():
            return self._network()

    def layers(self, input_size: int, **others: Any) -> blocks.Recurrent:
        """The recurrent layers of `equations_` that the parameters ask for, unless `others` differ."""
        given = self._plain_parameters()
        options = {name: given[name] for name in ("num_layers", "bidirectional")}
        options["dropout"] = float(given["dropout"] if given["num_layers"] > 1 else 0)  # lies between layers
        return blocks.Recurrent(self.equations_, input_size, given["hidden_size"], **{**options, **others})

    def each_example(self, data: Examples, compute: Callable[[Any], Sequence[Any]]) -> list[Any]:
        """What `compute` gives for each example, from batches of like lengths on the network's device; no gradients."""
        found: list[Any] = [None] * len(data)
        device = next(self.network_.parameters()).device
        by_length = np.argsort([data.length(i) for i in range(len(data))], kind="stable")  # little padding
        with torch.inference_mode(), self.limited_threads():
            for rows in np.split(by_length, range(self.batch_size, len(data), self.batch_size)):
                batch = to_device(data.batch(rows), device)
                for row, value in zip(rows, compute(batch), strict=True):
                    found[row] = value
        return found

    def train_network(self, loss: Any, data: Any, valid: Any, run: str | Path | None) -> None:
        """Train `network_` on its device and set `history_`; a training kept in folder `run` is resumed.

        Of `Sessions` the loss is one of windows: it takes the carried state and gives the next one beside the loss.
        """
        self.fix()
        self.network_ = self.network_.to(self.torch_device())
        settings = self.settings()
        if isinstance(data, Sessions):
            settings = dataclasses.replace(settings, window=TURNS)
        with self.limited_threads():
            self.history_ = train(self.network_, loss, data, valid, settings, run, self.progress).rows
