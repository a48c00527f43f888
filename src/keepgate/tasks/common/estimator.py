"""The base of the estimators: parameters as dataclass fields, scikit-learn's rules, training, the model file.

An estimator is a class under `@estimator` that has the `Parameters` of its task for a base. `__init__` only stores;
`fit` checks the parameters and sets attributes that end in an underscore; `get_params` and `clone` work.
Files, tables and reports are the business of the task's `Face` (`keepgate.tasks.common.face`), of which an estimator
knows nothing. CONTRIBUTING.md shows how a task is added.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from keepgate import cells, limits, schema
from keepgate import networks as blocks
from keepgate.equations import Equations
from keepgate.errors import InputError, quoted
from keepgate.nn.network import NetworkModule
from keepgate.tasks.common import batching, ensembles, fitting
from keepgate.tasks.common.fitting import Fitting
from keepgate.tasks.common.parameters import Parameters, checks, estimator
from keepgate.tasks.common.running import device_named, limited_threads, seeded
from keepgate.tasks.common.stored import Stored, sizes_only, write
from keepgate.training import Examples, History, Score, Settings, held_out_indices
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keepgate.export.graph import Graph

__all__ = ["Estimator", "NotFitted"]

CHECKED_ELSEWHERE = ("cell", "device")  # these may be objects, too
TRAINER = (  # parameters that are settings of the trainer under the same name
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "weight_decay",
    "clip_norm",
    "schedule",
    "warmup",
    "patience",
    "minutes",
    "average",
    "seed",
)


class NotFitted(InputError, NotFittedError):
    """An estimator is used before `fit`; also scikit-learn's `NotFittedError`."""


@estimator
class Estimator(Parameters, BaseEstimator, ABC):
    """Base of the estimators; not used by itself.

    Attributes:
        equations_: of the cell.
        network_: the torch module.
        history_: a dict for each epoch; of an ensemble, with the number of the member that was trained.
        epochs_: passes over the data that were planned; a model that was loaded has none.
        fit_notes_: sentences on how the fit went, such as that it ended too early; a model that was loaded has none.
        trials_: of a search, the best first; see `keepgate.tune`.
        columns_: how the columns of the file are called that was trained on, a `Columns`; only where there was one.
    """

    calibrating: ClassVar[bool] = True  # whether `calibrate` is called, where a task has it
    STATE: ClassVar[schema.Check]  # what `state_to_json` returns, and a model file must say
    fixed: ClassVar[tuple[str, ...]] = ()  # parameters that cannot be changed after `fit`
    retired: ClassVar[Mapping[str, Any]] = {}  # parameters of earlier model files, with the one value they may have
    UPDATES: ClassVar[int] = 2_000  # steps of the optimizer that learning takes, where `epochs` is None, within
    PASSES: ClassVar[tuple[int, int]] = (10, 200)  # the fewest and the most passes over the training data
    ENOUGH: ClassVar[int | None] = None  # steps that end it before the fewest passes, where data are many
    onnx_parts: ClassVar[tuple[str, ...]] = ()  # names of the files of a model that is exported as several

    equations_: Equations = field(init=False)
    network_: NetworkModule = field(init=False)
    history_: list[dict[str, Any]] = field(init=False)
    epochs_: int = field(init=False)
    fit_notes_: list[str] = field(init=False)
    trials_: list[dict[str, Any]] = field(init=False)
    columns_: Any = field(init=False)

    # What each task has to say

    @abstractmethod
    def build_network(self, members: int = 1) -> Any:
        """Return the task's network, untrained, as the parameters and the fitted attributes describe it.

        Args:
            members: of an ensemble; above 1 only in tasks that have the parameter `ensemble`.
        """

    @abstractmethod
    def state_to_json(self) -> dict[str, Any]:
        """Return the fitted attributes as JSON values; the network's tensors are not among them."""

    @abstractmethod
    def set_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from what `state_to_json` returned, and `network_` with any weights.

        torch's device is "meta": the network takes no memory; its weights come later, from the file.

        Args:
            state: it has passed `STATE`.

        Raises:
            InputError: its values do not fit each other.
        """

    @abstractmethod
    def to_onnx(self, graph: Graph, *part: str) -> None:
        """Emit the fitted estimator, or one of `onnx_parts`, for `keepgate.export.onnx`, by `emit_network`."""

    # The model file

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator to `folder`: config.json and model.safetensors, replaced atomically."""
        self.check_fitted()
        write(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Self:
        """Return the estimator that `save` wrote, on `device`, wherever it was trained.

        A model file is data: nothing in it runs. A cell that came from a file of the user's is from now on the
        equations that the model has stored, also for a further `fit`.

        Raises:
            InputError: the folder holds a model of another task, or files that were cut short or altered.
        """
        return Stored.read(folder).restore(cls, device)

    def read_companions(self, folder: Path) -> None:
        """Read what `save` wrote next to the two files of the model: here nothing."""

    def learning_curve(self) -> Figure:
        """Return a figure of `history_`: training loss, held-out loss and score against epoch; a notebook shows it."""
        from keepgate.tasks.common.report.figures import learning_curve

        self.check_fitted()
        return learning_curve(self.history_)

    def cell_name(self) -> str:
        """Return the cell as it was named, or the name of a cell that was given as an object."""
        return self.cell if isinstance(self.cell, str) else self.equations_.name

    def emit_network(
        self, graph: Graph, inputs: Mapping[str, tuple[str, str]], outputs: Mapping[str, tuple[str, str]]
    ) -> None:
        """Emit a part of the network.

        Args:
            graph: the graph.
            inputs: by the name of the network's value, its name in the file and a text that describes it.
            outputs: likewise.
        """
        from keepgate.export.network import emit_network

        graph.metadata["task"] = self.TASK
        emit_network(graph, self.network_.description, self.network_.arrays(), inputs, outputs)

    # Checks

    def check_parameters(self) -> None:
        """Set `equations_`, those of the cell.

        Raises:
            InputError: a parameter has the wrong type or value.
        """
        self._check_values()
        self.settings()
        device_named(self.device)
        self.equations_ = cells.get(self.cell).equations
        if self.equations_.step_inputs:
            names = ", ".join(self.equations_.step_inputs)
            raise InputError(f"cell {self.cell_name()} needs the step inputs {names}, which '{self.TASK}' cannot give")

    def check_fitted(self) -> None:
        """Raise InputError before `fit`, and where a parameter was changed afterwards that cannot be."""
        if not hasattr(self, "network_"):
            raise NotFitted(f"this {type(self).__name__} is not fitted yet: call fit first, or load a model")
        self._check_values()
        for name, then in getattr(self, "_fixed", {}).items():
            if (now := getattr(self, name)) != then:
                raise InputError(f"{name}={quoted(now)} was set after fit, which had {quoted(then)}: fit again")

    def fix_parameters(self) -> None:
        """From now on the parameters `fixed` have to stay as they are."""
        ensemble = ("ensemble",) if hasattr(self, "ensemble") else ()
        self._fixed = {name: getattr(self, name) for name in (*self.fixed, *ensemble)}

    def _check_values(self) -> None:
        for name, check in checks(type(self)).items():
            if name not in CHECKED_ELSEWHERE:
                check(name, getattr(self, name))

    def plain_parameters(self) -> dict[str, Any]:
        """Return the parameters as Python values, where a search over a NumPy array may have left NumPy ones."""
        values = self.get_params(deep=False).items()
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values}

    def settings(self) -> Settings:
        """Return the trainer's settings, those named in `TRAINER`."""
        values = {name: value for name, value in self.plain_parameters().items() if name in TRAINER}
        if values["epochs"] is None:
            values["epochs"] = self.PASSES[0]
        return Settings(**values)

    def passes(self, data: Examples, window: int | None = None) -> int:
        """Return the passes over data that `epochs` asks for, or where it is None, those that learning takes."""
        if self.epochs is not None:
            return int(self.epochs)
        return fitting.passes(data, int(self.batch_size), window, self.UPDATES, self.PASSES, self.ENOUGH)

    # What `fit` and `predict` are made of

    def new_network(self, seed: int | None = None) -> Any:
        """Return the network that `fit` begins with, or a member of an ensemble, drawn from a seed.

        Args:
            seed: None: the parameter.

        Raises:
            InputError: it has more weights than memory may hold.
        """
        with sizes_only():
            count = sum(parameter.numel() for parameter in self.build_network().parameters())
        limits.check("weights", count, "the network")
        with seeded(int(self.seed) if seed is None else seed):
            return self.build_network()

    def layers(self, input_size: int, **options: Any) -> blocks.Recurrent:
        """Return the recurrent layers of `equations_` that the parameters ask for.

        Args:
            input_size: of the first layer.
            options: of `keepgate.networks.Recurrent`, in place of or besides those that follow from the parameters.
        """
        values = self.plain_parameters()
        dropout = float(values["dropout"] if values["num_layers"] > 1 else 0)  # lies between layers
        options = {"num_layers": values["num_layers"], "dropout": dropout, **options}
        return blocks.Recurrent(self.equations_, input_size, values["hidden_size"], **options)

    def each_example(self, data: Examples, compute: Callable[[Any], Sequence[Any]]) -> list[Any]:
        """Return what `compute` gives for each example of batches; see `batching.each_example`."""
        with limited_threads(self.threads):
            return batching.each_example(self.network_, data, int(self.batch_size), compute)

    def train_network(
        self,
        loss: Any,
        data: Examples,
        valid: Examples | None,
        run: str | Path | None,
        window: int | None = None,
        callbacks: Sequence[Callback] = (),
        score: Score | None = None,
        groups: Sequence[Hashable] | None = None,
        classes: Sequence[Hashable] | None = None,
        calibrate: bool = True,
    ) -> None:
        """Train `network_` on its device and set `history_`; an interrupted training in the folder `run` is resumed.

        Of an ensemble, `network_` is the first member before, and all of them after.
        Without `valid` the parameters `hold_out` and `refit` say what is held out, and whether it is then learned too.

        Args:
            loss: see `keepgate.training.train`.
            data: to train on.
            valid: held out to choose the best epoch, or None.
            run: folder of the run, or None.
            window: steps of truncated back-propagation through time; None: back through whole examples.
            callbacks: see `keepgate.training.train`.
            score: see `keepgate.training.train`.
            groups: of each example; what is held out by itself are whole groups.
            classes: of each example; as many of each are held out.
            calibrate: by what is held out, where the task does so.
        """
        self.fix_parameters()
        self.network_ = self.network_.to(device_named(self.device))
        self.epochs_ = self.passes(data, window)
        settings = dataclasses.replace(self.settings(), window=window, epochs=self.epochs_)
        fit = Fitting(self.network_, loss, score, settings, run, self.progress)
        indices = self._held_out(len(data), groups, classes) if valid is None else None
        held = 0 if indices is None else len(indices)
        again = held > 0 and fitting.worth_a_second(getattr(self, "refit", None), held / len(data))
        part = valid if indices is None else indices

        calibrates = calibrate and self.calibrating and type(self).calibrate is not Estimator.calibrate

        def choosing(fit: Fitting, calibrate: Callable[[Examples], None]) -> History:
            return fit.choosing(data, part, again, callbacks, calibrate if calibrates else None)

        with limited_threads(self.threads):
            self.history_ = self._fitted(fit, choosing)
        self.fit_notes_ = fitting.about(self.history_, len(data), held, again)

    def _fitted(self, fit: Fitting, choosing: Callable[[Fitting, Callable[[Examples], None]], History]) -> list[Any]:
        """Train the network, or the members of an ensemble, calibrate it, and return the rows of the history."""
        if (count := ensembles.members_of(self)) == 1:
            return choosing(fit, self.calibrate).rows
        members = ensembles.Members()
        members.train(self.network_, self.new_network, count, fit, choosing)
        self.network_ = self.build_network(count).to(device_named(self.device))
        if members.held_out is not None:
            ensembles.assemble(self.network_, members.unseen)
            self.calibrate(members.held_out)
        ensembles.assemble(self.network_, members.last)
        return members.history

    def _held_out(self, count: int, groups: Any, classes: Any) -> np.ndarray | None:
        """Return the indices of the examples to hold out, or None if there are none."""
        share = fitting.share_held_out(self.plain_parameters().get("hold_out", 0.0), count)
        indices = held_out_indices(count, share, int(self.seed), groups, classes)
        return indices if len(indices) else None

    def calibrate(self, held_out: Examples) -> None:
        """Fit to a held-out part how sure `network_` is, which has not learned it: here nothing is done."""
