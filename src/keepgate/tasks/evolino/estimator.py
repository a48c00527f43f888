"""`Evolino`: series continued by cells that are evolved and outputs that are solved."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import limits, schema
from keepgate.data.tables.frequency import MOST_COUNT, Frequency
from keepgate.data.tables.panel import Panel, filled
from keepgate.data.tables.reading import panel
from keepgate.errors import InputError, quoted
from keepgate.native import Population
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import columns_named, estimator
from keepgate.tasks.evolino.candidates import Candidates
from keepgate.tasks.evolino.network import EvolinoNetwork, evolino
from keepgate.tasks.evolino.parameters import EvolinoColumns, EvolinoParameters
from keepgate.tasks.evolino.readout import Reader, pseudo_inverse, support_vectors
from keepgate.tasks.evolino.searches import SEARCHES, Space
from keepgate.training.callbacks import Callback
from keepgate.training.evolution import evolve
from keepgate.training.progress import progress_of

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

LEAST_ROWS = 4  # of what is learned from a series
INPUT_SPREADS = (1e-6, 1e-4, 1e-2, 1.0)  # tried, where none is given


def _check_state(name: str, value: Any) -> None:
    """Check the step between rows that a model file says, and whether its weights are in float64."""
    unit, whole = schema.choice(MOST_COUNT), schema.whole(1, 2**62)
    schema.record(unit=unit, count=whole, month_end=schema.boolean, double=schema.boolean)(name, value)
    schema.whole(1, MOST_COUNT[value["unit"]])(f"{name}.count", value["count"])


@estimator
class Evolino(EvolinoParameters, Estimator):
    """Continues series: the weights of the cells are evolved, those of the outputs solved (Schmidhuber et al. 2007).

    A network reads the rows of a series; the linear map from its states to the next rows is computed by the
    pseudo-inverse, ridge regression or support vectors. Then it runs freely, its output being its next input, over the
    rows that it has seen, and the better it does so, the more its weights count in the next generation (Schmidhuber,
    Wierstra, Gagliolo & Gomez 2007, "Training Recurrent Networks by Evolino").

    A table is long, with columns `unique_id`, `ds` and `y`, as the forecaster's; without ids it is one series. What is
    missing is taken as the value before it. The last `horizon` rows of each series are not learned, but kept to be
    compared with, where series are long enough and no held-out table is given.

    >>> import numpy as np, pandas as pd
    >>> table = pd.DataFrame({"ds": np.arange(150), "y": np.sin(0.3 * np.arange(150))})
    >>> model = Evolino(hidden_size=3, epochs=3, batch_size=10, washout=30, horizon=20).fit(table)
    >>> model.predict(table).columns.to_list()
    ['unique_id', 'ds', 'y_hat']

    Attributes:
        frequency_: the step between rows.
        fitness_: of the network: minus the mean logarithm of the squared errors of its free runs; only after `fit`.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = staticmethod(_check_state)
    later: ClassVar[Mapping[str, Any]] = {"double": False}
    fixed: ClassVar[tuple[str, ...]] = ("hidden_size", "num_layers")

    network_: EvolinoNetwork = field(init=False)
    frequency_: Frequency = field(init=False)
    fitness_: float = field(init=False)

    def fit(
        self,
        table: Any,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        **columns: Any,
    ) -> Evolino:
        """Evolve a network on the series of a table and return self.

        Args:
            table: the series.
            valid: a held-out table, which is only looked at in reports; with it all rows of `table` are learned.
            run: folder for `metrics.jsonl` and the state of the search; the same call with the same folder resumes an
                interrupted one.
            callbacks: functions of each generation's row and the network.
            columns: how the columns are called, such as `target_column="level"`; see `Evolino.Columns`.

        Raises:
            InputError: it names column and row of a table that `keepgate.data.tables.reading.panel` refuses, or a
                series that is too short.
        """
        self.check_parameters()
        if self.num_layers != 1:
            raise InputError(f"num_layers={quoted(self.num_layers)} is not possible: Evolino evolves one layer")
        self.fix_parameters()
        if columns:
            self.columns_ = columns_named(EvolinoColumns, columns)
        data = self._panel(table)
        data.need(LEAST_ROWS, "to learn from them")
        if data.frequency is None:
            raise InputError(f"{data.source}: no series has two rows")
        self.frequency_ = data.frequency
        self.network_ = self.new_network()
        learned = data if valid is not None else self.split(data)[0]
        values = filled(learned.values[:, :1], learned.starts)
        self.network_.scale([values])
        self._evolve(self._candidates(learned), run, callbacks)
        return self

    def _evolve(self, judge: Candidates, run: str | Path | None, callbacks: Sequence[Callback]) -> None:
        networks = judge.population(int(self.batch_size), len(judge.series))
        limits.check("weights", networks.size * int(self.batch_size), "the population")
        search = SEARCHES[self.search](networks, int(self.batch_size), int(self.seed))
        space = self._space(judge, networks, search.ask())
        self.history_, waited, best, began = [], 0, -np.inf, time.monotonic()

        def ended(row: Mapping[str, Any], champion: np.ndarray) -> bool:
            nonlocal waited, best
            waited = 0 if row["best"] is not None and row["best"] > best else waited + 1
            best = max(best, -np.inf if row["best"] is None else row["best"])
            late = self.minutes is not None and time.monotonic() - began >= 60 * self.minutes
            return late or waited == self.patience

        def seen(row: Mapping[str, Any], _: Any) -> None:
            shown.show(row["generation"] - 1, 1.0, -best)
            for callback in callbacks:
                callback(_epoch(row), self.network_)

        judged = ("washout", "free_run", "starts", "readout", "ridge", "svm_c", "spread", "input_spread")
        about = {name: value for name, value in self.plain_parameters().items() if name in judged}
        about |= {"cell": hashlib.sha256(str(self.equations_).encode()).hexdigest()}
        about |= {"data": hashlib.sha256(b"".join(one.tobytes() for one in judge.series)).hexdigest()}
        generations = int(self.epochs) if self.epochs is not None else self.PASSES[1]

        def fitness(numbers: np.ndarray, _: int) -> np.ndarray:
            return judge.fitness(space.weights(numbers))

        how = {"until": ended, "run": run, "center_every": 0, "callbacks": [seen], "about": about}
        with progress_of(generations, self.progress) as shown:
            found = evolve(search, fitness, generations, **how)
        self.history_ = [_epoch(row) for row in found.rows]
        self.fitness_ = found.fitness
        self.fit_notes_ = _notes(found.rows, generations)
        best_weights = space.weights(found.best[None])
        parameters = {name: value[0] for name, value in networks.views(best_weights).items()}
        self.network_.put(parameters, judge.forced(best_weights).weights[0])

    def _space(self, judge: Candidates, networks: Population, numbers: np.ndarray) -> Space:
        """Return the space to search in; of several spreads of the inputs the best for the first generation."""
        given = INPUT_SPREADS if self.input_spread is None else (float(self.input_spread),)
        spaces = [Space.of(self.equations_, networks, float(self.spread), each) for each in given]
        if len(spaces) == 1:
            return spaces[0]
        return max(spaces, key=lambda space: judge.fitness(space.weights(numbers)).max())

    def predict(self, table: Any) -> Any:
        """Return the `horizon` rows after the end of each series, as a table of the same kind.

        Args:
            table: the series; all rows are read to set the state.

        Returns:
            Columns id, time and `y_hat`.

        Raises:
            InputError: as in `fit`; or the step between rows is another one.
        """
        data = self.to_panel(table)
        assert data.frequency is not None
        times = data.frequency.after(data.times[data.starts[1:] - 1, None], np.arange(1, self.horizon + 1))
        series = np.repeat(np.arange(len(data.ids)), self.horizon)
        return data.table(series, times.ravel(), {f"{data.names[2]}_hat": self.continued(data).ravel()})

    def score(self, table: Any, y: None = None) -> float:
        """Return minus the normalised mean squared error of free runs over the last `horizon` rows of each series.

        The higher, the better; at -1 they are as far off as the mean of these rows is.

        Args:
            table: the series.
            y: nothing; scikit-learn passes it.
        """
        begin, end = self.split(self.to_panel(table), least=2)
        truth = end.values[:, 0].reshape(-1, self.horizon)
        found = self.continued(begin)
        return -float(np.nanmean(np.square(found - truth)) / np.nanvar(truth))

    def continued(self, data: Panel) -> np.ndarray:
        """Return the `horizon` rows after the end of each series of a panel, [S, horizon]."""
        judge = self._candidates(data)
        cells, outputs = self.network_.taken(judge.population(1, 1).shapes)
        return self.network_.restored(judge.continued(cells, outputs, int(self.horizon)))

    def split(self, data: Panel, least: int | None = None) -> tuple[Panel, Panel]:
        """Return the rows before the last `horizon` of each series, and these; all and none where series are short.

        Args:
            data: the panel.
            least: rows that have to be left before them, else an error; None: as many as the washout and a horizon.

        Raises:
            InputError: a series is shorter than that.
        """
        rows = self.horizon + (self.washout + self.horizon if least is None else least)
        if least is not None:
            data.need(rows, f"horizon={self.horizon} and {least} before")
        elif (data.lengths < rows).any():
            return data, data.cut(data.lengths - 1, data.lengths)
        return data.cut(0 * data.lengths, data.lengths - self.horizon), data.cut(
            data.lengths - self.horizon, data.lengths
        )

    def to_panel(self, table: Any) -> Panel:
        """Return the panel of a table to continue or to score.

        Raises:
            InputError: the step between rows is another one than in training.
        """
        self.check_fitted()
        data = self._panel(table)
        if data.frequency is not None and not data.frequency.same_step(self.frequency_):
            raise InputError(
                f"{data.source}: its rows are {data.frequency} apart, the model was fitted to steps of "
                f"{self.frequency_}: resample, or fit another model"
            )
        return replace(data, frequency=self.frequency_)

    def _panel(self, table: Any) -> Panel:
        if isinstance(table, Panel):
            return table
        columns = asdict(getattr(self, "columns_", EvolinoColumns()))
        return panel(table, **columns, covariate_columns=())

    def _candidates(self, data: Panel) -> Candidates:
        """Return the judge of networks on the standardised series of a panel."""
        values = filled(data.values[:, :1], data.starts)[:, 0]
        return Candidates(
            self.equations_,
            int(self.hidden_size),
            np.split(self.network_.standardised(values), data.starts[1:-1]),
            int(self.washout),
            self._reader(),
            self.free_run,
            int(self.starts),
        )

    def _reader(self) -> Reader:
        if self.readout == "svm":
            return functools.partial(support_vectors, cost=float(self.svm_c))
        return functools.partial(pseudo_inverse, ridge=float(self.ridge))

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value, or a cell that cannot run as a population."""
        super().check_parameters()
        Population(self.equations_, 1, 1, 0, 1)

    def build_network(self, double: bool = True) -> EvolinoNetwork:
        """Return the network, before anything is evolved; its weights are in float64, or in float32."""
        network = EvolinoNetwork(evolino(self.layers(1)), self.backend)
        return network.double() if double else network

    def state_to_json(self) -> dict[str, Any]:
        """Return the step between rows, and whether the weights are in float64, as all but the first models' are."""
        return {**asdict(self.frequency_), "double": self.network_.get_parameter("output.weight").element_size() == 8}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set the step between rows, and the network."""
        step = {name: value for name, value in state.items() if name != "double"}
        self.frequency_, self.network_ = Frequency(**step), self.build_network(state["double"])

    def to_onnx(self, graph: Graph) -> None:
        """Emit the network: one step ahead of every row."""
        inputs = {"x": ("input", "series, [B, T, 1]")}
        self.emit_network(graph, inputs, {"next": ("output", "the row that follows each, [B, T, 1]")})


def _epoch(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a generation's row as the row of an epoch: the loss is minus the fitness."""
    best, mean = row["best"], row["mean"]
    return {
        "epoch": row["generation"],
        "updates": row["evaluations"],
        "train_loss": None if best is None else -best,
        "mean_loss": None if mean is None else -mean,
        "valid_loss": None,
        "seconds": row["seconds"],
    }


def _notes(rows: Sequence[Mapping[str, Any]], planned: int) -> list[str]:
    """Return whether the search was still finding better networks when it ended."""
    best = [-np.inf if row["best"] is None else row["best"] for row in rows]
    late = int(np.argmax(best)) >= 0.9 * len(best)
    more = "more generations, or minutes, may find a better network: the best is of the last tenth of the search"
    return [more] if late and len(rows) == planned and len(rows) > 1 else []
