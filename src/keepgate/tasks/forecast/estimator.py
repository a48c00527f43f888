"""`Forecaster`: the next steps of many series by one model."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from keepgate import schema
from keepgate.data.tables.panel import Panel
from keepgate.data.tables.reading import panel, with_future
from keepgate.errors import InputError, listed, quoted
from keepgate.runtime.blocks import restore, window_norm
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import columns_named, estimator
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.examples import HELD_OUT_UPDATES, UPDATES, Prepared, Windows
from keepgate.tasks.forecast.explanation import effects, tabled
from keepgate.tasks.forecast.linear import mean_loss, solve
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster
from keepgate.tasks.forecast.parameters import ForecastColumns, ForecasterParameters
from keepgate.tasks.forecast.reads import FITTED, Reads, deviations, infer
from keepgate.tasks.forecast.recent import unseen, widened
from keepgate.tasks.forecast.rolling import CrossValidation, backtest, cross_validation, seasonal_scale, summary
from keepgate.tasks.forecast.updating import go_on
from keepgate.tasks.forecast.widths import widths
from keepgate.training import Settings, train
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

HELD_OUT = 5  # the last 1/5 of each series is held out where `fit` is given no held-out part; of a short one, more:
SHORT = (3, 8)  # up to 1/3, and up to 8 horizons
AT_ONCE = 1024  # windows forecast in one go


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
        linear_, best_: the linear part and the best epoch (0: the linear part alone); only after `fit`.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = staticmethod(FITTED)
    fixed: ClassVar[tuple[str, ...]] = ("horizon", "quantiles")
    later: ClassVar[Mapping[str, Any]] = {
        **{"calendar": False, "holidays": None, "refit": False},
        **{"known_columns": (), "static_columns": (), "skip_bad": False},
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
        data = self._usable(self._panel(table).without_counters())
        self.skipped_ = data.skipped
        names = ("horizon", "season", "window", "patch", "calendar", "holidays")
        self.reads_ = infer(data, **{name: getattr(self, name) for name in names})
        part, held_out = self.split(data, valid)
        scale = dict(zip(data.ids.to_list(), deviations(data)[:, 0], strict=True))
        own = [scale.get(n, d[0]) for n, d in zip(held_out.ids.to_list(), deviations(held_out), strict=True)]
        tests = self._windows(held_out, self.lead(held_out), np.array(own), HELD_OUT_UPDATES)
        self._learn(part, np.array([scale[n] for n in part.ids.to_list()]), tests, run, callbacks)
        factors = widths(self.network_, tests, sorted(self.quantiles))
        if self.refit and valid is None:
            self._learn_again(data, np.array([*scale.values()]), run)
        with torch.no_grad():
            self.network_.get_parameter("calibrated.weight").copy_(torch.from_numpy(factors))
        departure = {"season": self.linear_.season, "penalty": self.linear_.penalty}
        self.reads_ = replace(self.reads_, departure=departure)
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
        self.history_ = go_on(self, self._usable(self._alike(table)), epochs, run)
        return self

    def explain(self, table: Any, future: Any = None, step: int | None = None) -> Any:
        """Return which inputs and which lags moved the forecasts after the end of each series, as a table.

        Effects are integrated gradients (Sundararajan et al. 2017) of the mean, in units of the target: those of a
        series add up to the distance of its forecast from that of a flat window and average plans; see `explanation`.

        Args:
            table: the series, as in `predict`.
            future: as in `predict`.
            step: the step ahead that is explained, from 1; None: the mean of all steps.

        Returns:
            Columns id, `input`, `first` and `last` (rows: -1 is the last one of the series, 1 the first one ahead), and
            `effect`.

        Raises:
            InputError: as in `predict`; or there is no such step.
        """
        data = self.to_panel(table)
        if future is not None:
            data = with_future(data, future)
        prepared = Prepared(data, self.reads_, ahead=True)
        given = prepared.given(data.starts[1:], np.arange(len(data.ids)))
        rows = effects(self, given, data.names[2], step)
        return data.listed(np.repeat(np.arange(len(data.ids)), len(rows)), tabled(rows, len(data.ids)))

    def _learn(self, data: Panel, scale: np.ndarray, tests: Windows, run: Any, callbacks: Sequence[Callback]) -> None:
        """Train on a part of the rows, with the epoch and the linear part that are best for others."""
        examples = self._windows(data, self._early_lead(data), scale)
        self.network_ = self._begun(data)
        with limited_threads(self.threads):
            seasons = [0, 1, *(m for m in self.seasons() if m <= self.window_)]
            self.linear_ = solve(self.network_, examples, tests, seasons)
            self.linear_.put(self.network_, examples, tests)
            start, least = copy.deepcopy(self.network_.state_dict()), mean_loss(self.network_, tests)
        self.train_network(ForecastNetwork.loss, examples, tests, run, callbacks=callbacks)
        losses = [least, *(row["valid_loss"] for row in self.history_)]
        self.best_ = min(range(len(losses)), key=lambda k: losses[k])
        if self.best_ == 0:
            self.network_.load_state_dict(start)

    def _learn_again(self, data: Panel, scale: np.ndarray, run: Any) -> None:
        """Train on all rows, to the epoch that was best, with a linear part that is solved as was best."""
        examples = self._windows(data, self._early_lead(data), scale)
        network, device = self.network_, next(self.network_.parameters()).device
        network.load_state_dict(self._begun(data).state_dict())
        with limited_threads(self.threads):
            network.cpu()
            linear = solve(network, examples, None, [self.linear_.season], [self.linear_.penalty])
            replace(linear, excess=self.linear_.excess).put(network, examples, None)
            network.to(device)
            if self.best_:
                settings: Settings = replace(self.settings(), epochs=self.best_, patience=None)
                folder = None if run is None else Path(run) / "refit"
                train(network, ForecastNetwork.loss, examples, None, settings, folder, self.progress)
        network.eval()

    def _begun(self, data: Panel) -> ForecastNetwork:
        """Return a network that knows the scale of what is known ahead, and is zero else."""
        network = self.new_network()
        prepared = Prepared(data, self.reads_)
        for name, values in (("plan", prepared.plan), ("known", prepared.known_rows())):
            if values.shape[1]:
                network.get_submodule(name).fit([values])
        network.begin()
        return network

    def _windows(self, data: Panel, lead: np.ndarray, scale: np.ndarray, updates: tuple[int, int] = UPDATES) -> Windows:
        return Windows(Prepared(data, self.reads_), lead, scale, self.batch_size, updates)

    def predict(self, table: Any, future: Any = None) -> Any:
        """Return the `horizon` steps after the end of each series, as a table of the same kind.

        Only the last `window` rows of a series count; a shorter series is as if its first row had been there before.
        Rows later than the training data say besides how wide the quantiles have to be now, by how far off the model
        was there.

        Args:
            table: the series. Rows after the last target of a series say what is known ahead.
            future: a table of what is known ahead of the rows after the end of each series, with the columns of id,
                time and all that are known ahead.

        Returns:
            Columns id and time (timestamps where the table has text), `y_hat` (the mean) and `y_hat_q10`, ... (the
            quantiles).

        Raises:
            InputError: as in `fit`; or the step between rows is another one, or a covariate or what is known ahead is
                missing.
        """
        data = self.to_panel(table)
        if future is not None:
            data = with_future(data, future)
        prepared = Prepared(data, self.reads_, ahead=True)
        forecasts = self.forecast(prepared, data.starts[1:], np.arange(len(data.ids)))
        assert data.frequency is not None
        times = data.frequency.after(data.times[data.starts[1:] - 1, None], np.arange(1, self.horizon + 1))
        series = np.repeat(np.arange(len(data.ids)), self.horizon)
        columns = dict(zip(self.forecast_names(data.names[2]), forecasts.reshape(len(series), -1).T, strict=True))
        return data.table(series, times.ravel(), columns)

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
        return cross_validation(self, self._usable(data.without_counters()), windows, step, refit)

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
        data = self.to_panel(table)
        data.need(self.window_ + self.horizon, f"window={self.window_} and horizon={self.horizon}")
        cuts, prepared = data.starts[1:] - self.horizon, Prepared(data, self.reads_)
        found = self.forecast(prepared, cuts, np.arange(len(data.ids)))[None]
        truth = prepared.truth(cuts).reshape(found.shape[:-1])
        scale = seasonal_scale(data, self.horizon, self.season_)
        mase = summary(truth, found[..., 0], found[..., 1:], scale, sorted(self.quantiles))["MASE"]
        if isinstance(mase, str):
            raise InputError("nothing to score: the last rows of all series are empty, or those before never change")
        return -mase

    def to_panel(self, table: Any) -> Panel:
        """Return the panel of a table to forecast or to score."""
        self.check_fitted()
        return self._alike(table)

    def forecast(self, data: Prepared, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
        """Return forecasts [B, horizon, 1 + Q] from rows `cut` [B] of `series` [B] on; quantiles ascend.

        Those from rows long enough after the training data have quantiles as wide as they had to be of late; see
        `recent`.
        """
        past = data if data.future is None else Prepared(data.panel, self.reads_)
        first, quantiles = unseen(data.panel, self.reads_.until), sorted(self.quantiles)

        def at(data: Prepared, cut: np.ndarray, series: np.ndarray) -> np.ndarray:
            return self.forecast_windows(data.given(cut, series))

        found = []
        for part in np.array_split(np.arange(len(cut)), -(-len(cut) // AT_ONCE)):
            here = cut[part], series[part]
            found.append(widened(at(data, *here), *here, past, first, quantiles, lambda *rows: at(past, *rows)))
        return np.concatenate(found)

    def forecast_windows(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return forecasts [B, horizon, 1 + Q] from the inputs of the network, of which `window` is [B, window, C]."""
        others = {name: x for name, x in given.items() if name not in ("window", "spread")}
        z, mean, spread = window_norm(given["window"], given.get("spread"))
        inputs = {"normalized": z.astype(np.float32), **others}
        device = next(self.network_.parameters()).device
        with torch.inference_mode(), limited_threads(self.threads):
            tensors = {name: torch.from_numpy(x).to(device) for name, x in inputs.items()}
            y = self.network_.run(tensors, "calibrated" if self.reads_.calibrated else "scaled")
        return restore(y.cpu().numpy(), mean, spread)

    def lead(self, data: Panel) -> np.ndarray:
        """Return the rows of each series before its first forecast, where its last rows are to be forecast, [S]."""
        return np.clip(data.lengths - self.horizon, 1, self.window_)

    def _early_lead(self, data: Panel) -> np.ndarray:
        """Return the same where all is learned from: half of a short series teaches forecasts."""
        return np.clip(data.lengths // 2, 1, self.window_)

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
        self.network_ = self.build_network()

    def build_network(self) -> ForecastNetwork:
        """Return the network, untrained."""
        quantiles = sorted(self.quantiles)
        layers = self.layers(int(self.hidden_size), bidirectional=bool(self.bidirectional))
        description = forecaster(layers, self.reads_.sizes(len(quantiles)), float(self.dropout))
        return ForecastNetwork(description, self.backend, quantiles=quantiles)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what `predict` computes of each series' last rows; see `keepgate.export.onnx`."""
        self.check_fitted()
        quantiles, reads = sorted(self.quantiles), self.reads_
        channels = ["target", *self.covariates_, *(["whether the target was there"] if reads.gaps else [])]
        graph.metadata |= {
            "columns": json.dumps(channels),
            "forecasts": json.dumps(["mean", *quantiles]),
        }
        texts = {
            "window": f"the last rows of each series, {' and '.join(channels[:2])}, gaps filled",
            "spread": "the deviation of each series' channels",
            "before": f"{listed(reads.known)} in these rows",
            "ahead": f"what is known of the rows ahead: {listed([*reads.known, *reads.calendar])}",
            **{f"attribute{k}": f"the number of {name}" for k, name in enumerate(reads.attributes)},
        }
        inputs = {
            i.name: ("input" if i.name == "window" else i.name, f"{texts[i.name]}, {i.value}")
            for i in self.network_.description.inputs
        }
        shape = f"[B, {self.horizon}, {1 + len(quantiles)}]"
        text = f"the mean, then each quantile, of the {self.horizon} steps that follow, {shape}"
        self.emit_network(graph, inputs, {"forecast": ("forecast", text)})

    def check_parameters(self) -> None:
        """Raise InputError for a parameter of the wrong type or value."""
        super().check_parameters()
        if not all(0 < q < 1 for q in self.quantiles) or len(set(self.quantiles)) < len(self.quantiles):
            raise InputError(f"quantiles={quoted(self.quantiles)} are not different numbers between 0 and 1")

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
        length = data.lengths
        part, horizons = SHORT
        held = np.maximum(length // HELD_OUT, np.minimum(length // part, horizons * self.horizon))
        end = np.where(length < 2 * self.horizon + 2, length, length - np.maximum(held, self.horizon))
        first = np.where(end < length, np.maximum(end - self.window_, 0), length)
        return data.cut(np.zeros_like(end), end), data.cut(first, length)

    def _usable(self, data: Panel) -> Panel:
        """Return the series that are long enough to learn from.

        Raises:
            InputError: one is not, and `skip_bad` was not said; or none is long enough to hold a part out.
        """
        rows, why = self.horizon + 2, f"horizon {self.horizon} + 2"
        if data.skip_bad and (data.lengths >= rows).any():
            data = data.only(data.lengths >= rows, f"it has fewer rows than {rows} ({why})")
        data.need(rows, why)
        if data.lengths.max() < 2 * rows - 2:
            data.need(2 * rows - 2, f"{why}, and horizon {self.horizon} held out")
        return data

    def _panel(self, table: Any, **given: Any) -> Panel:
        if isinstance(table, Panel):
            return table
        columns = asdict(getattr(self, "columns_", ForecastColumns()))
        return panel(table, **{**columns, **given})

    def _alike(self, table: Any) -> Panel:
        """Return the panel of a table with the columns and the frequency of the training table."""
        data = self._panel(table, covariate_columns=self.covariates_)
        if data.covariates != self.covariates_:
            data = data.with_covariates(self.covariates_)
        if data.frequency is None:
            return replace(data, frequency=self.frequency_)
        if not data.frequency.same_step(self.frequency_):
            raise InputError(
                f"{data.source}: its rows are {data.frequency} apart, the model was fitted to steps of "
                f"{self.frequency_}: resample, or fit another model"
            )
        return data

    def forecast_names(self, target: str) -> list[str]:
        """Return the names of the columns of forecasts: of the mean, then of each quantile."""
        return [f"{target}_hat", *(f"{target}_hat_q{100 * q:g}" for q in sorted(self.quantiles))]
