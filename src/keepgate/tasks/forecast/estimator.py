"""`Forecaster`: the next steps of many series by one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import networks as blocks
from keepgate import schema
from keepgate.data.tables.panel import Panel
from keepgate.data.tables.reading import panel, with_future
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import columns_named, estimator
from keepgate.tasks.forecast.distributions import is_count
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.explanation import explained
from keepgate.tasks.forecast.exporting import emit
from keepgate.tasks.forecast.forecasting import forecasts, outputs, tabled
from keepgate.tasks.forecast.learning import fit
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster
from keepgate.tasks.forecast.parameters import MOST_ROWS, ForecastColumns, ForecasterParameters
from keepgate.tasks.forecast.parts import alike, need_counts, split, usable
from keepgate.tasks.forecast.reads import FITTED, Reads
from keepgate.tasks.forecast.rolling import CrossValidation, backtest, cross_validation, last_mase
from keepgate.tasks.forecast.rollout import rolled_out
from keepgate.tasks.forecast.updating import go_on
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph


@estimator
class Forecaster(ForecasterParameters, Estimator):
    """Forecasts the next `horizon` steps of every series of a table, by one recurrent model of them all.

    A table (pandas, polars or pyarrow) is long: columns `unique_id`, `ds` (timestamps, dates or integers) and `y`;
    all further columns are covariates, numbers that are known up to the last row as `y` is. Rows may come in any
    order; steps have to be regular and the same in all series, but values and rows may be missing. Columns that are
    known ahead, and attributes of the series, are named in `known_columns` and `static_columns`. A table without the
    column of ids is one series; one with neither ids nor `y` is wide, a series in each column.

    Every window of `window` rows is normalized by its own mean and spread, so that series of any level and scale
    share a model and one that was not in the training data can be forecast. What is linear is solved by ridge
    regression; the recurrent layers learn the rest. The last part of every series chooses the epoch and spreads the
    quantiles (conformal calibration); then all is learned again from all rows.

    >>> import numpy as np, pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=140, freq="D")
    >>> table = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.sin(2 * np.pi * np.arange(140) / 7)})
    >>> forecaster = Forecaster(horizon=2, epochs=2, hidden_size=16).fit(table)
    >>> forecaster.predict(table).columns.to_list()
    ['unique_id', 'ds', 'y_hat', 'y_hat_q10', 'y_hat_q50', 'y_hat_q90']

    Attributes:
        reads_: what a forecast is made from: window, season, columns and so on.
        window_, patch_, season_, frequency_, covariates_: of `reads_`.
        skipped_: a sentence for each series that was left out; only after `fit`.
        linear_, best_: the linear part and the best epoch (0: the linear part alone; of an ensemble, the median of its
            members' epochs); only after `fit`.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = staticmethod(FITTED)
    fixed: ClassVar[tuple[str, ...]] = ("horizon", "quantiles", "loss")
    later: ClassVar[Mapping[str, Any]] = {
        **{"calendar": False, "holidays": None, "refit": False, "transform": "identity"},
        **{"known_columns": (), "static_columns": (), "skip_bad": False, "loss": "quantile", "target_columns": ()},
    }

    network_: ForecastNetwork = field(init=False)
    reads_: Reads = field(init=False)

    def fit(
        self,
        table: Any,
        *,
        valid: Any = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        **columns: Any,
    ) -> Forecaster:
        """Train on the series of a table and return self.

        Args:
            table: the series.
            valid: a table that is held out to choose the best epoch; its series begin with the `window` rows before
                what is held out, and are not learned. Without it the last fifth of each series (at least `horizon`
                rows) is held out, and learned too after the best epoch is found (`refit`).
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.
            columns: how the columns are called, such as `time_column="day"` or `known_columns=["promotion"]`; see
                `Forecaster.Columns`.

        Raises:
            InputError: it names column and row of a table that `keepgate.data.tables.reading.panel` refuses, or a
                series that is too short.
        """
        self.check_parameters()
        if columns:
            self.columns_ = columns_named(ForecastColumns, columns)
        data = usable(self._panel(table).without_counters(), int(self.horizon))
        self.skipped_ = data.skipped
        fit(self, data, valid, run, callbacks)
        return self

    def update(self, table: Any, *, epochs: int = 2, run: str | Path | None = None) -> Forecaster:
        """Go on learning from a table with new rows, and return self.

        The linear part is solved again and the recurrent layers are trained on from their weights of now, both on the
        whole table: it holds the series up to now, with as much of their past as is to count. What is read (window,
        season, columns) and the calibration stay as they were; new series are welcome.

        Args:
            table: the series.
            epochs: passes over it, at a fifth of the step size of `fit`.
            run: folder for `metrics.jsonl` and the state of the training, as in `fit`; another one than that of `fit`.

        Raises:
            InputError: as in `fit`; or the table has no row later than those learned from; or the model was saved by
                an earlier version, which did not say what to solve for.
        """
        self.check_fitted()
        self.history_ = go_on(self, usable(self._alike(table), int(self.horizon)), epochs, run)
        return self

    def explain(self, table: Any, future: Any = None, step: int | None = None) -> Any:
        """Return which inputs and which lags moved the forecasts after the end of each series, as a table.

        Effects are integrated gradients (Sundararajan et al. 2017) of the mean, in units of the target, or of its
        square root where that is what was learned (`reads_.transform`): those of a series add up to
        the distance of its forecast from that of a flat window and average plans; see `explanation`.

        Args:
            table: the series, as in `predict`.
            future: as in `predict`.
            step: the step ahead that is explained, from 1; None: the mean of all steps.

        Returns:
            Columns id (with several targets, `target`), `input`, `first` and `last` (rows: -1 is the last one of the
            series, 1 the first one ahead), and `effect`.

        Raises:
            InputError: as in `predict`; or there is no such step.
        """
        return explained(self, self._with_future(table, future), step)

    def predict(self, table: Any, future: Any = None, horizon: int | None = None) -> Any:
        """Return the steps after the end of each series, as a table of the same kind.

        Only the last `window` rows of a series count; a shorter series is as if its first row had been there before.
        Rows later than the training data say besides how wide the quantiles have to be now, by how far off the model
        was there.

        Args:
            table: the series. Rows after the last target of a series say what is known ahead.
            future: a table of what is known ahead of the rows after the end of each series, with the columns of id,
                time and all that are known ahead.
            horizon: steps to forecast; None: those that the model was trained for. More are rolled out, horizon by
                horizon, each from the forecasts of the last, with quantiles that widen accordingly; see `rollout`.

        Returns:
            Columns id and time (timestamps where the table has text), and of each target `y_hat` (the mean) and
            `y_hat_q10`, ... (the quantiles); of more steps than the model was trained for, `rolled_out` too, which says
            which of them are.

        Raises:
            InputError: as in `fit`; or the step between rows is another one, or a covariate or what is known ahead is
                missing.
        """
        data = self._with_future(table, future)
        steps = int(self.horizon) if horizon is None else horizon
        schema.whole(1, MOST_ROWS)("horizon", steps)
        return tabled(self, data, rolled_out(self, data, steps))

    def cross_validation(
        self, table: Any, windows: int = 5, step: int | None = None, *, refit: bool = False, **columns: Any
    ) -> CrossValidation:
        """Return forecasts from several cut-offs in a table's end, and scores by series and step beside naive ones.

        A copy of this estimator is fitted to the rows before the first cut-off; this one stays as it is.

        Args:
            table: the series, with what followed.
            windows: how many cut-offs; the last is `horizon` rows before the end.
            step: rows from one cut-off to the next; None: the horizon.
            refit: fit again before each cut-off.
            columns: as in `fit`.

        Raises:
            InputError: as in `fit`; or a series is too short for so many windows.
        """
        self.check_parameters()
        named = columns_named(ForecastColumns, columns) if columns else getattr(self, "columns_", ForecastColumns())
        data = table if isinstance(table, Panel) else panel(table, **asdict(named))
        return cross_validation(self, usable(data.without_counters(), int(self.horizon)), windows, step, refit)

    def backtest(self, table: Any, windows: int = 5, step: int | None = None) -> CrossValidation:
        """Return what `cross_validation` does of this fitted forecaster as it is, which has best not seen these rows.

        Args:
            table: the series, with what followed.
            windows: how many cut-offs; the last is `horizon` rows before the end.
            step: rows from one cut-off to the next; None: the horizon.

        Raises:
            InputError: as in `predict`; or a series is too short for so many windows.
        """
        return backtest(self, self.to_panel(table), windows, step)

    def score(self, table: Any, y: None = None) -> float:
        """Return minus the MASE of forecasts of the last `horizon` rows of each series, from the rows before them.

        The higher, the better; at -1 they are as far off as the seasonal naive forecast is on the rows before.

        Args:
            table: the series.
            y: nothing; scikit-learn passes it.

        Raises:
            InputError: a series is too short, or none has a value to be scored by.
        """
        return -last_mase(self, self.to_panel(table))

    def to_panel(self, table: Any) -> Panel:
        """Return the panel of a table to forecast or to score."""
        self.check_fitted()
        return self._alike(table)

    def forecast(self, data: Prepared, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Return forecasts [B, horizon, 1 + Q] from rows `cut` [B] of `series` [B] on; quantiles ascend.

        Those from rows long enough after the training data have quantiles as wide as they had to be of late; see
        `recent`.
        """
        return forecasts(self, data, cut, series)

    def forecast_windows(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return forecasts [B, horizon, 1 + Q] from the inputs of the network, of which `window` is [B, window, C]."""
        return outputs(self, given)

    def seasons(self) -> list[int]:
        """Return every plausible season, in rows, the shortest first."""
        return sorted({self.season_, *(self.frequency_.seasons if self.season is None else [])} - {1})

    window_ = property(lambda self: self.reads_.window, doc="Rows that a forecast is made from.")
    patch_ = property(lambda self: self.reads_.patch, doc="Rows that the recurrent layers take in one step.")
    season_ = property(lambda self: self.reads_.season, doc="Rows in a season.")
    frequency_ = property(lambda self: self.reads_.frequency, doc="The step between rows.")
    covariates_ = property(lambda self: self.reads_.covariates, doc="Names of the columns known up to the last row.")

    def state_to_json(self) -> dict[str, Any]:
        """Return what was inferred from the training table."""
        return self.reads_.to_json()

    def set_state(self, state: dict[str, Any]) -> None:
        """Set what was inferred from the training table, and the network."""
        self.reads_ = Reads.from_json(state, int(self.horizon))
        self.network_ = self.build_network(int(self.ensemble))

    def build_network(self, members: int = 1) -> ForecastNetwork:
        """Return the network, untrained; the forecasts of an ensemble are the mean of its members'."""
        quantiles = sorted(self.quantiles)
        layers = self.layers(int(self.hidden_size), bidirectional=bool(self.bidirectional))
        description = forecaster(layers, self.reads_.sizes(len(quantiles), self.loss), float(self.dropout))
        if members > 1:
            averages = {"scaled": blocks.Average()}
            description = blocks.ensemble(description, members, averages, ForecastNetwork.SOLVED)
        return ForecastNetwork(description, self.backend, quantiles=quantiles, loss=self.loss)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what `predict` computes of each series' last rows; see `keepgate.export.onnx`."""
        self.check_fitted()
        emit(self, graph)

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value."""
        super().check_parameters()
        if not all(0 < q < 1 for q in self.quantiles) or len(set(self.quantiles)) < len(self.quantiles):
            raise InputError(f"quantiles={quoted(self.quantiles)} are not different numbers between 0 and 1")
        if is_count(self.loss) and self.transform == "sqrt":
            raise InputError(f"loss={quoted(self.loss)} learns counts as they are: leave transform out")

    def split(self, data: Panel, valid: Any) -> tuple[Panel, Panel]:
        """Return the training part and the held-out part, which starts with the window before its first forecast.

        Args:
            data: the panel of the table given to `fit`.
            valid: the held-out table, or None.
        """
        if valid is not None:
            held_out = self._alike(valid)
            held_out.need(self.horizon + 1, f"1 + horizon {self.horizon}")
            return data, held_out
        return split(data, self.reads_)

    def _with_future(self, table: Any, future: Any) -> Panel:
        data = self.to_panel(table)
        return data if future is None else with_future(data, future)

    def _panel(self, table: Any, **given: Any) -> Panel:
        columns = asdict(getattr(self, "columns_", ForecastColumns()))
        data = table if isinstance(table, Panel) else panel(table, **{**columns, **given})
        if is_count(self.loss):
            need_counts(data)
        return data

    def _alike(self, table: Any) -> Panel:
        """Return the panel of a table with the columns and the frequency of the training table."""
        return alike(self._panel(table, covariate_columns=self.covariates_), self.reads_)

    def forecast_names(self, target: str) -> list[str]:
        """Return the names of the columns of forecasts: of the mean, then of each quantile."""
        return [f"{target}_hat", *(f"{target}_hat_q{100 * q:g}" for q in sorted(self.quantiles))]
