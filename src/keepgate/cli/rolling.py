"""Flags for how `keepgate evaluate` rolls over the end of a file to forecast."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.tasks.common.face import Face

TABLES = {"model": "scores", "series": "by_series", "step": "by_step"}  # of `CrossValidation`


def add_rolling(flags: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = flags.add_argument_group("rolling evaluation, for models of forecast")
    text = "forecast from so many cut-offs in the end of each series, a horizon apart (default: from every row)"
    group.add_argument("--windows", metavar="N", type=int, help=text)
    group.add_argument("--by", choices=TABLES, default="model", help="scores by what, with --windows (default: model)")


def evaluated(face: Face, data: Any, options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the scores of data, as the flags say, and those of each class, where there are classes.

    Raises:
        InputError: flags are used that are not for this model, or a series is too short.
    """
    if options.windows is None:
        if options.by != "model":
            raise InputError(f"--by {options.by} needs --windows")
        predictions = face.predictions(data)
        return [*face.scores(data, predictions), *face.spread(data)], face.each_class(data, predictions)
    if face.estimator.TASK != "forecast":
        raise InputError(f"--windows is for models of forecast; {options.run} is one of {face.estimator.TASK}")
    return getattr(face.estimator.backtest(data, options.windows), TABLES[options.by]), []
