"""What a user can say of forecasting: its parameters, how a file's columns are called, and examples of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    SHARE,
    SIZE,
    STRENGTH,
    EnsembleParameters,
    estimator,
    param,
)

MOST_ROWS = 1_000_000  # of a window, a season, a patch, a horizon


@dataclass(frozen=True, kw_only=True)
class ForecastColumns:
    """Names of the columns of a table with one row for each time of each series."""

    id_column: str = param("unique_id", "column that names the series; without it the rows are one series")
    time_column: str = param("ds", "column of the times, or of integers that count the steps")
    target_column: str = param("y", "column of what is to be forecast; empty in rows of the future")
    target_columns: tuple[str, ...] = param(
        (), "several columns that are forecast together, each from the past of all (none: the target column alone)"
    )
    covariate_columns: tuple[str, ...] | None = param(
        None, "columns of further numbers that help to forecast, known up to the last row (none: all others)"
    )
    known_columns: tuple[str, ...] = param(
        (), "columns of numbers that are known ahead, such as planned promotions or a weather forecast"
    )
    static_columns: tuple[str, ...] = param((), "columns of attributes, one value for each series, such as a region")
    skip_bad: bool = param(False, "leave out series that cannot be used, and name them, instead of stopping")


@estimator
class ForecasterParameters(EnsembleParameters):
    """Parameters of `Forecaster`."""

    TASK: ClassVar[str] = "forecast"
    Columns: ClassVar[type] = ForecastColumns
    examples: ClassVar[str] = """\
  keepgate fit forecast history.csv --horizon 24 --out runs/load
  keepgate fit forecast sales.csv --known-columns promotion price --static-columns region --out runs/sales
  keepgate fit forecast history.parquet --horizon 96 --cell gru --epochs 20 --out runs/gru"""

    horizon: int = param(24, "steps to forecast", minimum=1, maximum=MOST_ROWS)
    quantiles: tuple[float, ...] = param(
        (0.1, 0.5, 0.9), "quantiles to forecast besides the mean, between 0 and 1", **SHARE
    )
    loss: str = param(
        "quantile",
        "what is learned: quantile, the mean and quantiles by the losses that they are least for; or a distribution by "
        "its likelihood, from which they follow: student-t for heavy tails, negative-binomial for counts",
        choices=("quantile", "student-t", "negative-binomial"),
    )
    season: int | None = param(
        None,
        "rows in one season (none: a day, week or year, as the step between rows suggests)",
        minimum=1,
        maximum=MOST_ROWS,
    )
    window: int | None = param(
        None,
        "rows that a forecast is made from (none: three weeks of rows within a day, eight weeks of days, three years "
        "of weeks, four years of months; at least two horizons; less where the series are short)",
        minimum=2,
        maximum=MOST_ROWS,
    )
    patch: int | None = param(
        None,
        "rows that the recurrent layers take in one step (none: a season, or an eighth of the window)",
        minimum=1,
        maximum=MOST_ROWS,
    )
    calendar: bool = param(True, "read the hour, the day of the week and the time of the year of the rows ahead")
    holidays: str | None = param(
        None,
        "country whose holidays are known ahead, such as US, or a part of one, such as DE-BY; needs the extra "
        "`forecast` (none: no holidays)",
    )
    transform: str | None = param(
        None,
        "scale that the target is learned on: identity, or sqrt, the square root of what is never negative (none: the "
        "better one on held-out rows, where nothing is negative)",
        choices=("identity", "sqrt"),
    )
    refit: bool = param(True, "after the best epoch is found, learn again from all rows, the held-out ones too")
    hidden_size: int = param(128, "units of each layer and direction", **SIZE)
    bidirectional: bool = param(False, "read the sequence in both directions")
    dropout: float = param(0.2, "share of activations dropped while training", **SHARE)
    epochs: int = param(10, "epochs, of at least 50 and at most 200 batches each", **EPOCHS)
    batch_size: int = param(256, "windows in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(5e-4, "highest step size of the optimizer", **STRENGTH)
    warmup: float = param(0.1, "share of all steps over which the step size rises to its highest", **SHARE)
    patience: int | None = param(
        3, "stop after this many epochs without a better held-out loss (none: never)", **EPOCHS
    )
