"""The command-line side of forecasting: tables, scores over all windows next to naive forecasts, and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.data.tables.panel import Panel, panel
from keepgate.data.tables.table import read_table
from keepgate.errors import listed
from keepgate.tasks.common.face import LEFT_OUT, Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.forecast.examples import ForecastColumns, rows_from, window_starts
from keepgate.tasks.forecast.scores import Scores, last_value, seasonal_naive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_ONCE = 1024  # windows that are scored in one go


@dataclass(frozen=True)
class Backtest:
    """Forecasts of all windows of a panel, of which only scores and ends are kept.

    Attributes:
        windows: how many there are.
        scores: a row for each model.
        ends: the forecasts of the last `horizon` rows of each series, [S, horizon, 1 + Q].
    """

    windows: int
    scores: list[dict[str, Any]]
    ends: np.ndarray


class ForecasterFace(Face):
    """Face of `Forecaster`; its predictions are a `Backtest`."""

    examples = """\
  keepgate fit forecast history.csv --horizon 24 --out runs/load
  keepgate fit forecast history.parquet --horizon 96 --cell gru --epochs 20 --out runs/gru"""

    @classmethod
    def read(cls, path: str | Path, columns: ForecastColumns | None = None, *, labelled: bool = True) -> Panel:
        """Read a CSV, Parquet or Arrow file; `y` is needed in any case, since a forecast continues it."""
        columns = columns or ForecastColumns()
        return panel(read_table(path, text=[columns.id_column]), **asdict(columns), source=str(path))

    def bind_columns(self, columns: ForecastColumns) -> None:
        """Let further files be read like the training file: with its covariates, other columns being ignored."""
        super().bind_columns(replace(columns, covariate_columns=self.estimator.covariates_))

    def about(self, data: Panel) -> list[str]:
        """Return series, step, columns, season, window and what is held out."""
        model, (_, _, target, *_) = self.estimator, data.names
        covariates = listed(model.covariates_) if model.covariates_ else "none"
        lines = [
            f"{len(data.ids)} series, {len(data.times)} rows, one every {model.frequency_}; target: {target}; "
            f"covariates: {covariates}",
            f"season: {model.season_} rows; {model.horizon} rows are forecast from the {model.window_} before them",
        ]
        return lines + ([LEFT_OUT.format(listed(data.counters), "--covariate-columns")] if data.counters else [])

    def table(self, data: Any) -> Any:
        """Return the steps after the end of each series; see `Forecaster.predict`."""
        return self.estimator.predict(data)

    def predictions(self, data: Any) -> Backtest:
        """Forecast from all windows of a table.

        Each window of `window` rows forecasts the `horizon` rows after it, so the first `window` rows of each series
        are not scored. Baselines are the last value, and the last season unless it is one row or longer than the
        window.
        """
        model, data = self.estimator, self._panel(data)
        starts, series = window_starts(data, model.window_ + model.horizon)
        is_last = np.diff(series, append=len(data.ids)) > 0
        baselines = self._baselines()
        own, *others = (Scores(name, model.quantiles) for name in (model.cell_name(), *baselines))
        ends = []
        for part in np.array_split(np.arange(len(starts)), -(-len(starts) // AT_ONCE)):
            past = rows_from(data.values, starts[part], model.window_)
            truth = rows_from(data.values[:, 0], starts[part] + model.window_, model.horizon)
            forecasts = model.forecast_windows(past)
            own.add(truth, forecasts[:, :, 0], forecasts[:, :, 1:])
            for scores in others:
                scores.add(truth, baselines[scores.model](past[:, :, 0]))
            ends.append(forecasts[is_last[part]])
        return Backtest(len(starts), [scores.row() for scores in (own, *others)], np.concatenate(ends))

    def scores(self, data: Any, predictions: Backtest) -> list[dict[str, Any]]:
        """Return the scores of this model and the baselines; see `Scores`."""
        return predictions.scores

    def sections(self, data: Panel, predictions: Backtest, where: str) -> list[Section]:
        """Return scores, and the last forecasts of some series with the values that followed."""
        model = self.estimator
        season = f"season: {model.season_} rows of {model.frequency_}"
        text = f"{predictions.windows} windows of {len(data.ids)} series; {season}."
        return [
            Section(f"Scores on the {where}", text, predictions.scores),
            Section(f"Forecasts of the {where}'s end", figure=self.figure(data, predictions)),
        ]

    def figure(self, data: Any, predictions: Backtest) -> Figure:
        """Return a picture of the last `horizon` rows of up to six series, forecast from the rows before them."""
        from keepgate.tasks.forecast.figures import forecast_figure

        model, data = self.estimator, self._panel(data)
        ends = data.cut(data.lengths - model.window_ - model.horizon, data.lengths)
        return forecast_figure(ends, predictions.ends, sorted(model.quantiles))

    def shown(self, data: Any, valid: Any) -> tuple[Panel, str]:
        """Return the held-out part, which there always is."""
        return self.estimator.split(self.estimator.to_panel(data), valid)[1], "held-out part"

    def _panel(self, data: Any) -> Panel:
        """Return the panel of a table whose series have at least a window and what follows it."""
        model, data = self.estimator, self.estimator.to_panel(data)
        data.need(model.window_ + model.horizon, f"window {model.window_} + horizon {model.horizon}")
        return data

    def _baselines(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        horizon, season = self.estimator.horizon, self.estimator.season_
        last = {"last value": lambda past: last_value(past, horizon)}
        if not 1 < season <= self.estimator.window_:
            return last
        return {"seasonal naive": lambda past: seasonal_naive(past, horizon, season)} | last
