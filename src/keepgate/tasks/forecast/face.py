"""The command-line side of forecasting: tables, scores over all windows next to naive forecasts, and the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.data.tables.panel import TARGET, Panel
from keepgate.data.tables.reading import panel, with_future
from keepgate.data.tables.table import read_table
from keepgate.errors import listed
from keepgate.tasks.common.face import LEFT_OUT, Face
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.forecast.examples import Prepared, cuts
from keepgate.tasks.forecast.parameters import ForecastColumns
from keepgate.tasks.forecast.parts import leads
from keepgate.tasks.forecast.scores import Scores, last_value, seasonal_naive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_ONCE = 1024  # windows that are scored in one go
EXPLAINED = 64  # series whose effects are averaged in the report


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
    """Face of `Forecaster`; its predictions are a `Backtest`.

    Attributes:
        steps: how many `table` forecasts; None: the horizon of the training.
    """

    steps: int | None = None

    @classmethod
    def read(cls, path: str | Path, columns: ForecastColumns | None = None, *, labelled: bool = True) -> Panel:
        """Read a CSV, Parquet or Arrow file; `y` is needed in any case, since a forecast continues it."""
        columns = columns or ForecastColumns()
        text = [columns.id_column, *columns.static_columns]
        return panel(read_table(path, text=text), **asdict(columns), source=str(path))

    def bind_columns(self, columns: ForecastColumns) -> None:
        """Let further files be read like the training file: with its covariates, other columns being ignored."""
        super().bind_columns(replace(columns, covariate_columns=self.estimator.covariates_))

    def with_future(self, data: Panel, path: str | Path) -> Panel:
        """Return a panel with what a file says of the rows after its end."""
        text = [data.names[0]]
        return with_future(data, read_table(path, text=text), str(path))

    def set_horizon(self, steps: int) -> None:
        """Let tables have so many steps ahead; see `Forecaster.predict`."""
        self.steps = steps

    def about(self, data: Panel) -> list[str]:
        """Return series, step, columns, season, window and what is held out."""
        model, (_, _, target, *_), count = self.estimator, data.names, len(data.target_names)
        reads = model.reads_
        covariates = tuple(name for name in model.covariates_ if name not in data.targets)
        attributes = tuple(name for name in reads.attributes if name != TARGET)
        roles = {"covariates": covariates, "known ahead": reads.known, "attributes": attributes}
        shown = {role: names for role, names in roles.items() if names or role == "covariates"}
        columns = [f"{role}: {listed(names) if names else 'none'}" for role, names in shown.items()]
        lines = [
            f"{len(data.ids) // count} series, {len(data.times) // count} rows, one every {model.frequency_}; "
            + "; ".join([f"target: {target}", *columns]),
            f"season: {model.season_} rows; {model.horizon} rows are forecast from the {model.window_} before them"
            + (f" and the calendar: {listed(reads.calendar)}" if reads.calendar else ""),
        ]
        return lines + ([LEFT_OUT.format(listed(data.counters), "--covariate-columns")] if data.counters else [])

    def notes(self, data: Panel) -> list[str]:
        """Return which series were left out, how many values are missing, and which steps are rolled out."""
        missing = int(np.isnan(data.values[:, 0]).sum())
        gaps = f"{missing:,} of {len(data.times):,} values of {data.names[2]} are missing and do not count"
        direct, steps = int(self.estimator.horizon), self.steps or 0
        rolled = f"steps 1 to {direct} are forecast directly, {direct + 1} to {steps} are rolled out from them"
        skipped = getattr(self.estimator, "skipped_", data.skipped) or data.skipped
        return [*skipped, *([gaps] if missing else []), *([rolled] if steps > direct else [])]

    def table(self, data: Any) -> Any:
        """Return the steps after the end of each series; see `Forecaster.predict`."""
        return self.estimator.predict(data, horizon=self.steps)

    def predictions(self, data: Any) -> Backtest:
        """Forecast from all windows of a table.

        Each window of `window` rows forecasts the `horizon` rows after it, so the first `window` rows of each series
        are not scored. Several targets are scored each by itself. Baselines are the last value, and the last of every
        plausible season that fits the window.
        """
        data = self._panel(data)
        if not data.targets:
            return self._backtest(data)
        parts = [self._backtest(data.of(target)) for target in data.targets]
        scores = [
            {"model": row["model"], "target": target, **row}
            for target, part in zip(data.targets, parts, strict=True)
            for row in part.scores
        ]
        ends = np.stack([part.ends for part in parts], 1)
        return Backtest(parts[0].windows, scores, ends.reshape(-1, *ends.shape[2:]))

    def _backtest(self, data: Panel) -> Backtest:
        """Return the same of series of one target."""
        model, prepared = self.estimator, Prepared(data, self.estimator.reads_)
        cut, series = cuts(data, leads(data, model.reads_), model.horizon)
        is_last = np.diff(series, append=len(data.ids)) > 0
        baselines = self._baselines()
        own, *others = (Scores(name, model.quantiles) for name in (model.cell_name(), *baselines))
        ends = []
        for part in np.array_split(np.arange(len(cut)), -(-len(cut) // AT_ONCE)):
            past = prepared.past(cut[part], series[part], model.window_)
            truth = prepared.truth(cut[part])
            forecasts = model.forecast(prepared, cut[part], series[part])
            own.add(truth, forecasts[:, :, 0], forecasts[:, :, 1:])
            for scores in others:
                scores.add(truth, baselines[scores.model](past))
            ends.append(forecasts[is_last[part]])
        return Backtest(len(cut), [scores.row() for scores in (own, *others)], np.concatenate(ends))

    def scores(self, data: Any, predictions: Backtest) -> list[dict[str, Any]]:
        """Return the scores of this model and the baselines; see `Scores`."""
        return predictions.scores

    def sections(self, data: Panel, predictions: Backtest, where: str) -> list[Section]:
        """Return scores, and the last forecasts of some series with the values that followed."""
        model = self.estimator
        season = f"season: {model.season_} rows of {model.frequency_}"
        text = f"{predictions.windows} windows of {len(data.ids) // len(data.target_names)} series; {season}."
        return [
            Section(f"Scores on the {where}", text, predictions.scores),
            Section(f"Forecasts of the {where}'s end", figure=self.figure(data, predictions)),
            Section(f"What moved the forecasts of the {where}'s end", figure=self.effects_figure(data)),
        ]

    def effects_figure(self, data: Any) -> Figure:
        """Return a picture of what moved the forecasts of the last `horizon` rows of up to 64 series."""
        from keepgate.tasks.forecast.explanation import ITSELF, effects
        from keepgate.tasks.forecast.figures import effects_figure

        model, data = self.estimator, self._panel(data)
        series = np.unique(np.linspace(0, len(data.ids) - 1, EXPLAINED).round().astype(int))
        given = Prepared(data, model.reads_).given(data.starts[1:][series] - model.horizon, series)
        return effects_figure(effects(model, given, ITSELF if data.targets else data.names[2]))

    def figure(self, data: Any, predictions: Backtest) -> Figure:
        """Return a picture of the last `horizon` rows of up to six series, forecast from the rows before them."""
        from keepgate.tasks.forecast.figures import forecast_figure

        model, data = self.estimator, self._panel(data)
        ends = data.cut(np.maximum(data.lengths - model.window_ - model.horizon, 0), data.lengths)
        return forecast_figure(ends, predictions.ends, sorted(model.quantiles))

    def shown(self, data: Any, valid: Any) -> tuple[Panel, str]:
        """Return the held-out part, which there always is."""
        return self.estimator.split(self.estimator.to_panel(data), valid)[1], "held-out part"

    def _panel(self, data: Any) -> Panel:
        """Return the panel of a table whose series have at least a row and what follows it."""
        model, data = self.estimator, self.estimator.to_panel(data)
        data.need(model.horizon + 1, f"1 + horizon {model.horizon}")
        return data

    def _baselines(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        model = self.estimator
        seasons = [season for season in model.seasons() if season <= model.window_]
        names = ["seasonal naive" if len(seasons) == 1 else f"seasonal naive {season}" for season in seasons]
        naive = {
            name: lambda past, season=season: seasonal_naive(past, model.horizon, season)
            for name, season in zip(names, seasons, strict=True)
        }
        return {**naive, "last value": lambda past: last_value(past, model.horizon)}
