"""What a user can say of Evolino: its parameters, how a file's columns are called, and examples of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from keepgate.tasks.common.parameters import EPOCHS, EXAMPLES, MINUTES, SIZE, STRENGTH, Parameters, estimator, param

MOST_ROWS = 1_000_000  # of a washout, a horizon, a free run
SEARCHES = ("snes", "esp", "cosyne", "cmaes")
READOUTS = ("ridge", "svm")


@dataclass(frozen=True, kw_only=True)
class EvolinoColumns:
    """Names of the columns of a table with one row for each time of each series; further columns are not read."""

    id_column: str = param("unique_id", "column that names the series; without it the rows are one series")
    time_column: str = param("ds", "column of the times, or of integers that count the steps")
    target_column: str = param("y", "column of what is to be continued")


@estimator
class EvolinoParameters(Parameters):
    """Parameters of `Evolino`; those of training by gradients have no effect."""

    later: ClassVar[Mapping[str, Any]] = {"input_spread": None}
    unused: ClassVar[tuple[str, ...]] = (
        "num_layers",
        "dropout",
        "optimizer",
        "learning_rate",
        "weight_decay",
        "clip_norm",
        "schedule",
        "warmup",
        "average",
        "backend",
        "device",
        "threads",
    )

    TASK: ClassVar[str] = "evolino"
    Columns: ClassVar[type] = EvolinoColumns
    examples: ClassVar[str] = """\
  keepgate fit evolino sines.csv --horizon 300 --out runs/sines
  keepgate fit evolino sines.csv --hidden-size 20 --search esp --minutes 3 --out runs/sines
  keepgate fit evolino glass.csv --horizon 84 --free-run 84 --starts 20 --hidden-size 30 --out runs/glass"""

    horizon: int = param(24, "rows to continue a series by", minimum=1, maximum=MOST_ROWS)
    washout: int = param(100, "first rows of a series, which only set the state", minimum=1, maximum=MOST_ROWS)
    free_run: int | None = param(
        None,
        "rows of a free run by which networks are compared (none: from the washout to the end)",
        minimum=1,
        maximum=MOST_ROWS,
    )
    starts: int = param(1, "free runs of each series, spread over its rows", minimum=1, maximum=10_000)
    search: str = param("snes", "how the cells' weights are evolved", choices=SEARCHES)
    spread: float = param(0.5, "deviation of the weights in the first generation", **STRENGTH)
    input_spread: float | None = param(
        None,
        "deviation of the weights of the input (none: of 1e-6 to 1, what the first generation does best with)",
        **STRENGTH,
    )
    readout: str = param(
        "ridge", "how outputs are computed from the states: ridge regression or support vectors", choices=READOUTS
    )
    ridge: float = param(0.0, "penalty of ridge regression (0: the pseudo-inverse)", minimum=0, maximum=1e6)
    svm_c: float = param(100.0, "cost of an error of support vector regression", **STRENGTH)
    hidden_size: int = param(10, "cells", **SIZE)
    epochs: int | None = param(300, "generations (none: until the time is up)", **EPOCHS)
    minutes: float | None = param(None, "end after so many minutes (none: by epochs alone)", **MINUTES)
    batch_size: int = param(40, "networks of a generation, at least 2", **EXAMPLES)
    patience: int | None = param(
        None, "stop after this many generations without a better network (none: never)", **EPOCHS
    )
