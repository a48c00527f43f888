"""`Forecaster`: the next steps of many series by one model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from keepgate import schema
from keepgate.data.tables.frequency import US, Frequency
from keepgate.data.tables.panel import Panel, panel
from keepgate.errors import InputError, quoted
from keepgate.runtime.blocks import restore, window_norm
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import EPOCHS, EXAMPLES, SHARE, SIZE, estimator, param
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.forecast.examples import ForecastColumns, Windows, deviations, rows_from
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

NO_SEASON = 8  # rows in a patch where the rows have no natural cycle
HELD_OUT = 5  # the last 1/5 of each series is held out where `fit` is given no held-out part
AT_ONCE = 1024  # windows forecast in one go
MOST_ROWS = 1_000_000  # of a window, a season, a patch, a horizon
MOST_COUNT = {"step": 2**62, "month": 12_000, "business day": 10_000} | {u: 10**15 // n for u, n in US.items()}


@estimator
class Forecaster(Estimator):
    """Forecasts the next `horizon` steps of every series of a table, by one recurrent model of them all.

    A table (pandas, polars or pyarrow) is long: columns `unique_id`, `ds` (timestamps, dates or integers) and `y`;
    all further columns are covariates, numbers that are known up to the last row as `y` is. Rows may come in any
    order; the steps have to be regular and the same in all series.

    Every window of `window` rows is normalized by its own mean and spread, so that series of any level and scale
    share a model and one that was not in the training data can be forecast.

    >>> import numpy as np, pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=140, freq="D")
    >>> table = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.sin(2 * np.pi * np.arange(140) / 7)})
    >>> forecaster = Forecaster(horizon=2, epochs=2, hidden_size=16).fit(table)
    >>> forecaster.predict(table).columns.to_list()
    ['unique_id', 'ds', 'y_hat', 'y_hat_q10', 'y_hat_q50', 'y_hat_q90']

    Attributes:
        window_, patch_, season_: in rows.
        frequency_: the step between rows.
        covariates_: their names.
        equations_, network_, history_, columns_: as in every estimator of keepgate.
    """

    TASK: ClassVar[str] = "forecast"
    Columns: ClassVar[type] = ForecastColumns
    STATE: ClassVar[schema.Check] = schema.record(
        window=schema.whole(2, MOST_ROWS),
        patch=schema.whole(1, MOST_ROWS),
        season=schema.whole(1, MOST_ROWS),
        frequency=schema.record(unit=schema.choice(MOST_COUNT), count=schema.whole(1, 2**62), month_end=schema.boolean),
        covariates=schema.several(schema.text(), distinct=True),
    )
    fixed: ClassVar[tuple[str, ...]] = ("horizon", "quantiles")

    horizon: int = param(24, "steps to forecast", minimum=1, maximum=MOST_ROWS)
    quantiles: tuple[float, ...] = param(
        (0.1, 0.5, 0.9), "quantiles to forecast besides the mean, between 0 and 1", **SHARE
    )
    season: int | None = param(
        None,
        "rows in one season (none: a day, week or year, as the step between rows suggests)",
        minimum=1,
        maximum=MOST_ROWS,
    )
    window: int | None = param(
        None, "rows that a forecast is made from (none: 4 seasons, at least the horizon)", minimum=2, maximum=MOST_ROWS
    )
    patch: int | None = param(
        None, "rows that the recurrent layers take in one step (none: a season)", minimum=1, maximum=MOST_ROWS
    )
    hidden_size: int = param(128, "units of each layer and direction", **SIZE)
    bidirectional: bool = param(False, "read the sequence in both directions")
    dropout: float = param(0.2, "share of activations dropped while training", **SHARE)
    epochs: int = param(10, "passes over the training data, of at least 100 and at most 1000 batches each", **EPOCHS)
    batch_size: int = param(256, "windows in one step of the optimizer", **EXAMPLES)
    warmup: float = param(0.1, "share of all steps over which the step size rises to its highest", **SHARE)
    patience: int | None = param(
        3, "stop after this many epochs without a better held-out loss (none: never)", **EPOCHS
    )

    def fit(
        self, table: Any, *, valid: Any = None, run: str | Path | None = None, callbacks: Sequence[Callback] = ()
    ) -> Forecaster:
        """Train on the series of a table and return self.

        Args:
            table: the series.
            valid: a table that is held out to choose the best epoch; its series begin with the `window` rows before
                what is held out. Without it the last fifth of each series (at least `horizon` rows) is held out.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted training.
            callbacks: functions of each epoch's row and the network; see `keepgate.training.train`.

        Raises:
            InputError: it names column and row of a table that `keepgate.data.tables.panel.panel` refuses, or a series
                that is too short for the window.
        """
        self.check_parameters()
        data = self._panel(table).without_counters()
        self._infer(data)
        data, held_out = self.split(data, valid)
        scale = dict(zip(data.ids.to_list(), deviations(data), strict=True))
        names = held_out.ids.to_list()
        held_out_scale = np.array([scale.get(n, d) for n, d in zip(names, deviations(held_out), strict=True)])
        self.network_ = self.new_network()
        sizes = self.window_, self.horizon
        examples = Windows(data, *sizes, np.array(list(scale.values())), self.batch_size)
        held_out_examples = Windows(held_out, *sizes, held_out_scale, self.batch_size, (0, 1000))
        self.train_network(ForecastNetwork.loss, examples, held_out_examples, run, callbacks=callbacks)
        return self

    def predict(self, table: Any) -> Any:
        """Return the `horizon` steps after the end of each series, as a table of the same kind.

        Only the last `window` rows of a series count.

        Args:
            table: the series.

        Returns:
            Columns id and time (timestamps where the table has text), `y_hat` (the mean) and `y_hat_q10`, ... (the
            quantiles).

        Raises:
            InputError: as in `fit`; or the step between rows is another one, or a covariate is missing.
        """
        data = self.to_panel(table)
        data.need(self.window_, "the window")
        forecasts = self.forecast_windows(rows_from(data.values, data.starts[1:] - self.window_, self.window_))
        assert data.frequency is not None  # a window has two rows
        times = data.frequency.after(data.times[data.starts[1:] - 1, None], np.arange(1, self.horizon + 1))
        series = np.repeat(np.arange(len(data.ids)), self.horizon)
        columns = dict(zip(self._names(data.names[2]), forecasts.reshape(len(series), -1).T, strict=True))
        return data.table(series, times.ravel(), columns)

    def to_panel(self, table: Any) -> Panel:
        """Return the panel of a table to forecast or to score."""
        self.check_fitted()
        return self._alike(table)

    def forecast_windows(self, past: np.ndarray) -> np.ndarray:
        """Return forecasts [B, horizon, 1 + Q] of windows [B, window, C] in their units; quantiles ascend."""
        network, device = self.network_, next(self.network_.parameters()).device
        forecasts = []
        with torch.inference_mode(), limited_threads(self.threads):
            for part in np.array_split(past, -(-len(past) // AT_ONCE)):
                z, mean, spread = window_norm(part)
                y = network(torch.from_numpy(z.astype(np.float32)).to(device)).cpu().numpy()
                forecasts.append(restore(y, mean, spread))
        return np.concatenate(forecasts)

    def state_to_json(self) -> dict[str, Any]:
        """Return what was inferred from the training table."""
        return {
            "window": self.window_,
            "patch": self.patch_,
            "season": self.season_,
            "frequency": asdict(self.frequency_),
            "covariates": list(self.covariates_),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Set what was inferred from the training table, and the network."""
        self.window_, self.patch_, self.season_ = state["window"], state["patch"], state["season"]
        if self.patch_ > self.window_:
            raise InputError(f"fitted.patch={self.patch_} is longer than the window of {self.window_} rows")
        if state["frequency"]["count"] > (most := MOST_COUNT[state["frequency"]["unit"]]):
            raise InputError(f"fitted.frequency.count={state['frequency']['count']} is not at most {most:,}")
        self.frequency_ = Frequency(**state["frequency"])
        self.covariates_ = tuple(state["covariates"])
        self.network_ = self.build_network()

    def build_network(self) -> ForecastNetwork:
        """Return the network, untrained."""
        quantiles = sorted(self.quantiles)
        description = forecaster(
            self.layers(int(self.hidden_size), bidirectional=bool(self.bidirectional)),
            window=self.window_,
            patch=self.patch_,
            channels=1 + len(self.covariates_),
            horizon=int(self.horizon),
            quantiles=len(quantiles),
            dropout=float(self.dropout),
        )
        return ForecastNetwork(description, self.backend, quantiles=quantiles)

    def to_onnx(self, graph: Graph) -> None:
        """Emit what `predict` computes of each series' last rows; see `keepgate.export.onnx`."""
        self.check_fitted()
        quantiles, channels = sorted(self.quantiles), 1 + len(self.covariates_)
        graph.metadata |= {
            "columns": json.dumps(["target", *self.covariates_]),
            "forecasts": json.dumps(["mean", *quantiles]),
        }
        past = f"the last rows of each series, the target and then the covariates, [B, {self.window_}, {channels}]"
        shape = f"[B, {self.horizon}, {1 + len(quantiles)}]"
        text = f"the mean, then each quantile, of the {self.horizon} steps that follow, {shape}"
        self.emit_network(graph, {"window": ("input", past)}, {"forecast": ("forecast", text)})

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
        rows, words = self.window_ + self.horizon, f"window {self.window_} + horizon {self.horizon}"
        if valid is not None:
            held_out = self._alike(valid)
            for part in (data, held_out):
                part.need(rows, words)
            return data, held_out
        data.need(rows + self.horizon, f"{words} + {self.horizon} held out")
        length = data.lengths
        end = np.maximum(length - np.maximum(length // HELD_OUT, self.horizon), rows)
        return data.cut(np.zeros_like(end), end), data.cut(end - self.window_, length)

    def _infer(self, data: Panel) -> None:
        """Set window, patch and season from the parameters and the data's frequency."""
        if data.frequency is None:
            data.need(2, "to see the step between rows")
        assert data.frequency is not None
        self.frequency_, self.covariates_ = data.frequency, data.covariates
        self.season_ = self.season or data.frequency.season
        block = self.season_ if self.season_ > 1 else NO_SEASON
        self.window_ = self.window or max(4 * block, self.horizon)
        self.patch_ = self.patch or min(block, self.window_)
        if self.patch_ > self.window_:
            raise InputError(f"patch={self.patch_} is longer than the window of {self.window_} rows")

    def _panel(self, table: Any, **given: Any) -> Panel:
        if isinstance(table, Panel):
            return table
        return panel(table, **{**asdict(getattr(self, "columns_", ForecastColumns())), **given})

    def _alike(self, table: Any) -> Panel:
        """Return the panel of a table with the covariates and the frequency of the training table."""
        data = self._panel(table, covariate_columns=self.covariates_)
        if data.covariates != self.covariates_:
            data = data.with_covariates(self.covariates_)
        if data.frequency is not None and not data.frequency.same_step(self.frequency_):
            raise InputError(
                f"{data.source}: its rows are {data.frequency} apart, the model was fitted to steps of "
                f"{self.frequency_}: resample, or fit another model"
            )
        return data

    def _names(self, target: str) -> list[str]:
        return [f"{target}_hat", *(f"{target}_hat_q{100 * q:g}" for q in sorted(self.quantiles))]
