"""`Curve`: the error of a meta-learner over the number of examples, beside those of baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.meta.baselines import baselines
from keepgate.meta.one_shot import instances

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Curve", "curve"]

SHOWN = (0, 1, 2, 5, 10, 20, 30, 50, 100)  # numbers of examples that the table has
INSTANCES = 10  # examples of a class that are told apart


@dataclass(frozen=True)
class Curve:
    """Errors over the number of examples seen.

    Attributes:
        errors: by model, [T]: after t examples, of the next one. Of numbers the squared error over the variance of the
            targets, of classes the share of wrong ones. A number of examples that a model was not tried at is NaN.
        instances: of classes, by model, the share of right answers at the first, second, ... example of a class within
            its episode, [10]; of numbers none.
    """

    errors: Mapping[str, np.ndarray]
    instances: Mapping[str, np.ndarray]

    @property
    def measure(self) -> str:
        """What an error is, in words."""
        return "share of wrong classes" if self.instances else "squared error / variance"

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each model, with its errors after some numbers of examples."""
        steps = len(next(iter(self.errors.values())))
        at = [t for t in SHOWN if t < steps]
        return [
            {"model": name, **{f"{t} examples": "" if np.isnan(error[t]) else float(error[t]) for t in at}}
            for name, error in self.errors.items()
        ]

    def instance_rows(self) -> list[dict[str, Any]]:
        """Return a row for each model, with the share of right answers at some examples of a class; see `instances`."""
        return [
            {"model": name, **{f"example {k}": float(right[k - 1]) for k in (1, 2, 3, 5, 10)}}
            for name, right in self.instances.items()
        ]

    def figure(self) -> Figure:
        """Return a picture of the errors; those of numbers on a logarithmic scale."""
        from keepgate.meta.figures import curve_figure

        return curve_figure(self.errors, self.measure, logarithmic=not self.instances)


def curve(said: np.ndarray, x: np.ndarray, y: np.ndarray, name: str, classes: int) -> Curve:
    """Return the errors of a model and of baselines on the same examples.

    Args:
        said: what the model says of each input after those before it, [T, B, O]; of classes their probabilities.
        x: inputs, [T, B, I].
        y: targets, [T, B, O], or classes [T, B].
        name: of the model.
        classes: how many, or 0.
    """
    answers = {name: said.argmax(2) if classes else said, **baselines(x, y, classes)}
    if classes:
        right, shown = {name: answer == y for name, answer in answers.items()}, instances(y)
        by_instance = {
            name: np.array([one[shown == k].mean() if (shown == k).any() else np.nan for k in range(1, INSTANCES + 1)])
            for name, one in right.items()
        }
        return Curve({name: 1 - one.mean(1) for name, one in right.items()}, by_instance)
    scale = np.square(y - y.mean((0, 1))).mean() or 1.0
    return Curve({name: _mean(np.square(answer - y)) / scale for name, answer in answers.items()}, {})


def _mean(squares: np.ndarray) -> np.ndarray:
    """Return the mean over functions and outputs [T], of those that are numbers."""
    known = np.isfinite(squares)
    with np.errstate(invalid="ignore"):
        return np.where(known, squares, 0).sum((1, 2)) / known.sum((1, 2))
