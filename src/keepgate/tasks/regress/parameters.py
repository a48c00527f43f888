"""What a user can say of regression: its parameters, with examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keepgate.tasks.common.parameters import (
    EPOCHS,
    EXAMPLES,
    INIT,
    SHARE,
    STRENGTH,
    CrossedParameters,
    EnsembleParameters,
    estimator,
    param,
)
from keepgate.tasks.common.sequence_parameters import GroupedColumns, SequenceParameters


@dataclass(frozen=True, kw_only=True)
class RegressColumns(GroupedColumns):
    """Names of the columns of a long table (CSV, Parquet, Arrow), which has a row for each step of each series."""

    label_column: str = param("label", "tables: column with the number of the series, the same in all its rows")
    further_columns: tuple[str, ...] = param((), "tables: columns with further numbers of the series, predicted too")


@estimator
class SequenceRegressorParameters(SequenceParameters, CrossedParameters, EnsembleParameters):
    """Parameters of `SequenceRegressor`."""

    TASK: ClassVar[str] = "regress"
    Columns: ClassVar[type] = RegressColumns
    examples: ClassVar[str] = """\
  keepgate fit regress train.csv --label-column dose --out runs/doses
  keepgate fit regress train.csv --label-column dose --further-columns weight age --out runs/three
  keepgate fit regress train.ts --valid valid.ts --quantiles 0.1 0.9 --out runs/levels
  keepgate fit regress train.csv --cell gru --hidden-size 128 --out runs/gru"""

    quantiles: tuple[float, ...] = param((), "quantiles to predict besides the mean, between 0 and 1", **SHARE)
    bidirectional: bool = param(True, "read the sequence in both directions")
    dropout: float = param(0.1, "share of activations dropped while training", **SHARE)
    epochs: int | None = param(
        None,
        "passes over the training data (none: 20; for few data up to 500, 1500 updates; for many down to 3)",
        **EPOCHS,
    )
    batch_size: int = param(16, "examples in one step of the optimizer", **EXAMPLES)
    learning_rate: float = param(3e-3, "highest step size of the optimizer", **STRENGTH)
    convolutions: bool | None = param(
        None, "let convolutions find local shapes and shorten long sequences first (none: yes, unless init is given)"
    )
    noise: float = param(0.0, "deviation of the noise on the standardized input while training", **STRENGTH)
    init: str | None = param(None, INIT)
