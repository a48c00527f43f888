"""What the estimators of all tasks share: parameters as dataclass fields, network and trainer settings, files.

An estimator is a dataclass whose fields are its parameters, each made by `param`, which keeps the help text
that the command line shows for its flag. scikit-learn's rules hold: `__init__` only stores, `fit` checks the
parameters and sets attributes that end in an underscore, `get_params` and `clone` work.

A new task is a subclass that gives

* `task`, its name on the command line, and a row in `keepgate.tasks.TASKS`;
* `fit(data, valid=None, run=None)`: `check_parameters()`, build `network_` inside `seeded()`, then
  `train_network(...)`;
* `fitted()` and `restore(fitted)`: the JSON values that rebuild an untrained `network_` of the same shape;
* for the command line `Columns`, `read`, `predict_table`, `evaluate` and `sections` (see each below), and, where a
  suffix of `--out` names more than a table, `encoders`, from a table of predictions to the bytes of the file;
* `draw_onnx(graph)`, if it can be exported.
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
from sklearn.utils.validation import check_is_fitted
from torch import nn

import keepgate
from keepgate import cells, store
from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.tasks.parameters import check_parameter, param, parameters, with_tuples
from keepgate.tasks.sessions import TURNS, Sessions
from keepgate.training import Examples, Settings, train
from keepgate.training.settings import OPTIMIZERS, SCHEDULES
from keepgate.training.tree import to_device

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


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
    formats: ClassVar[tuple[str, ...]] = (".csv", ".parquet", ".arrow", ".feather")  # files that `read` takes
    encoders: ClassVar[Mapping[str, Callable[[Any], bytes]]] = {}  # further files that predictions are written to
    Columns: ClassVar[type] = NoColumns  # a dataclass of `param` fields: the names of a file's columns, as flags

    cell: str = param("lstm", "recurrent cell: a name from `keepgate cells` or path/to/file.py:Name")
    hidden_size: int = param(64, "units of each layer and direction", minimum=1)
    num_layers: int = param(1, "recurrent layers, one above the other", minimum=1)
    bidirectional: bool = param(False, "read the sequence in both directions")
    dropout: float = param(0.0, "share of activations dropped while training", minimum=0, maximum=1)
    epochs: int = param(50, "passes over the training data")
    batch_size: int = param(32, "examples in one step of the optimiser")
    optimizer: str = param("adamw", "optimiser", choices=OPTIMIZERS)
    learning_rate: float = param(1e-3, "highest step size of the optimiser")
    weight_decay: float = param(0.01, "weight decay of the optimiser")
    clip_norm: float | None = param(1.0, "largest norm of the gradient; longer ones are scaled down")
    schedule: str = param("cosine", "course of the step size over the epochs", choices=SCHEDULES)
    warmup: float = param(0.05, "share of all steps over which the step size rises to its highest")
    patience: int | None = param(None, "stop after this many epochs without a better held-out loss (none: never)")
    seed: int = param(0, "seed of all that is random; the same seed gives the same model", minimum=0, maximum=2**32 - 1)
    backend: str = param("auto", "engine of the recurrence: auto, or one that `keepgate doctor` lists")
    device: str = param("auto", "where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, ...")
    threads: int | None = param(
        1, "processor threads; one is fastest for networks of the default size (none: torch's own setting)", minimum=1
    )
    progress: bool = param(True, "show a progress bar where standard error is a terminal")

    equations_: Equations = field(init=False)
    network_: nn.Module = field(init=False)
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
        """From what `fitted` returned, set the fitted attributes and build `network_` with any weights."""
        raise NotImplementedError

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator to `folder`: config.json and model.safetensors, replaced atomically."""
        check_is_fitted(self, "network_")
        config = {
            "keepgate": keepgate.__version__,
            "task": type(self).task,
            "parameters": {**self._plain_parameters(), "cell": self.cell_name()},
            "equations": self.equations_.to_json(),
            "columns": dataclasses.asdict(getattr(self, "columns_", self.Columns())),
            "fitted": self.fitted(),
        }
        tensors = {name: t.detach().cpu().numpy() for name, t in self.network_.state_dict().items()}
        store.write_model(Path(folder), config, tensors)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Self:
        """Read an estimator that `save` wrote and put it on `device`, wherever it was trained.

        Raises InputError for a folder of another task, and for files that were cut short or altered.
        """
        config, tensors = store.read_model(Path(folder))
        if config.get("task") != cls.task:
            raise InputError(f"{folder} holds a model for '{config.get('task')}', not for '{cls.task}'")
        try:
            estimator = cls(**{**with_tuples(config["parameters"]), "device": device})
            estimator.columns_ = cls.Columns(**with_tuples(config["columns"]))
            estimator.equations_ = Equations.from_json(config["equations"])
            estimator.restore(config["fitted"])
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder}/config.json does not describe a '{cls.task}' model: {error}") from error
        estimator._load_weights(tensors, folder)
        return estimator

    def cell_name(self) -> str:
        """The cell as it was named, or the name of a cell that was given as an object."""
        return self.cell if isinstance(self.cell, str) else self.equations_.name

    def _load_weights(self, tensors: dict[str, np.ndarray], folder: str | Path) -> None:
        try:
            self.network_.load_state_dict({name: torch.from_numpy(a) for name, a in tensors.items()})
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}/model.safetensors does not fit its config.json: {reason}") from error
        self.network_.to(self.torch_device()).eval()

    def draw_onnx(self, graph: Graph) -> None:
        """Draw the fitted estimator for `keepgate.export.onnx`, from raw values to predictions.

        Raises InputError if the task has no such form.
        """
        raise InputError(f"a model for '{self.task}' cannot be exported to ONNX")

    # What `fit` is made of

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value; set `equations_`, those of the cell."""
        for name, kind, meta in parameters(type(self)):
            if name != "cell":
                check_parameter(name, getattr(self, name), kind, meta)
        self.settings()
        self.torch_device()
        self.equations_ = cells.get(self.cell).equations
        if self.equations_.step_inputs:
            names = ", ".join(self.equations_.step_inputs)
            raise InputError(f"cell {self.cell_name()} needs the step inputs {names}, which '{self.task}' cannot give")

    def settings(self) -> Settings:
        """The trainer's settings: every field of `Settings` that this estimator has a parameter for."""
        names = {f.name for f in dataclasses.fields(Settings)}
        return Settings(**{name: value for name, value in self._plain_parameters().items() if name in names})

    def _plain_parameters(self) -> dict[str, Any]:
        """The parameters as Python values, where a search over a NumPy array may have left NumPy ones."""
        values = self.get_params(deep=False).items()
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values}

    def torch_device(self) -> torch.device:
        """The device that parameter `device` means here."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            return torch.empty(0, device=self.device).device
        except (RuntimeError, AssertionError) as error:  # torch raises either for a device it lacks
            reason = str(error).splitlines()[0]
            raise InputError(f"device '{self.device}' cannot be used here: {reason}") from error

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

    def recurrent(self, input_size: int, kind: type[Recurrent] = Recurrent, **others: Any) -> Recurrent:
        """The recurrent layers of `equations_` that the parameters ask for, batch first unless `others` differ."""
        given = self._plain_parameters()
        options = {name: given[name] for name in ("num_layers", "bidirectional", "backend")}
        options["dropout"] = given["dropout"] if given["num_layers"] > 1 else 0.0  # lies between layers
        return kind(self.equations_, input_size, given["hidden_size"], **{"batch_first": True, **options, **others})

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
        self.network_ = self.network_.to(self.torch_device())
        settings = self.settings()
        if isinstance(data, Sessions):
            settings = dataclasses.replace(settings, window=TURNS)
        with self.limited_threads():
            self.history_ = train(self.network_, loss, data, valid, settings, run, self.progress).rows
