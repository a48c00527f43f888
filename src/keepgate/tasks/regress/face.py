"""The command-line side of regression: tables of numbers, scores beside baselines, and the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace
from keepgate.tasks.regress.parameters import RegressColumns
from keepgate.tasks.regress.targets import as_targets, targets_of

if TYPE_CHECKING:
    import pyarrow as pa


class Predicted(NamedTuple):
    """What a regressor makes of N sequences with K numbers each.

    Attributes:
        numbers: expected, [N, K].
        quantiles: ascending, [N, Q, K], or None.
    """

    numbers: np.ndarray
    quantiles: np.ndarray | None


class RegressorFace(SequenceFace):
    """Face of `SequenceRegressor`; its predictions are `Predicted`."""

    GAPS: ClassVar[bool] = True

    def about(self, data: Sequences) -> list[str]:
        """Return the number of series, their lengths and channels, the range of the numbers, and of the quantiles."""
        ranges = [
            f"{name}: {numbers.min():g} to {numbers.max():g}, mean {numbers.mean():g}"
            for name, numbers in zip(self.names(), self._truth(data).T, strict=True)
        ]
        return [*super().about(replace(data, labels=None)), *ranges, *self._about_quantiles()]

    def _about_quantiles(self) -> list[str]:
        if not self.estimator.quantiles:
            return []
        if self.estimator.shift_ is None:
            return ["quantiles are as they were learned, for nothing was held out"]
        return ["quantiles are moved to where they are right on what was held out"]

    def names(self) -> list[str]:
        """Return the names of the K numbers."""
        told = [self.columns.label_column, *self.columns.further_columns]
        count = self.estimator.n_targets_ or 1
        return told if len(told) == count else [f"{told[0]}_{k + 1}" for k in range(count)]

    def table(self, data: Sequences) -> pa.Table:
        """Return ids, for each number the one expected `<name>_hat`, and its quantiles if there are some."""
        import pyarrow as pa

        numbers, quantiles = self.predictions(data)
        columns: dict[str, Any] = {self.columns.id_column: list(data.ids)}
        for k, name in enumerate(self.names()):
            columns[f"{name}_hat"] = numbers[:, k]
            if quantiles is not None:
                levels = sorted(self.estimator.quantiles)
                columns |= {f"{name}_hat_q{100 * q:g}": quantiles[:, i, k] for i, q in enumerate(levels)}
        return pa.table(columns)

    def predictions(self, data: Sequences) -> Predicted:
        """Return the expected numbers of each sequence, and the quantiles."""
        numbers, quantiles = self.estimator.predict_all(data)
        if self.estimator.n_targets_ is not None:
            return Predicted(numbers, quantiles)
        return Predicted(numbers[:, None], None if quantiles is None else quantiles[..., None])

    def scores(self, data: Sequences, predictions: Predicted) -> list[dict[str, Any]]:
        """Return R^2, MAE and RMSE of this model, of ridge regression on summaries, and of the training data's mean.

        Raises:
            InputError: a label is no number.
        """
        truth, names = self._truth(data), self.names()
        ridge = np.reshape(self.estimator.predict_baseline(data), truth.shape)
        rows = []
        for k, name in enumerate(names):
            of = {"column": name} if len(names) > 1 else {}
            rows += [{**of, **row} for row in self._scores_of(k, truth[:, k], predictions, ridge[:, k])]
        return rows

    def _scores_of(self, k: int, truth: np.ndarray, predictions: Predicted, ridge: np.ndarray) -> list[dict[str, Any]]:
        from keepgate.tasks.regress.scores import coverage, regression_scores

        model, bounds = self.estimator, self._bounds(predictions, k)
        guesses = {
            model.cell_name(): predictions.numbers[:, k],
            "ridge on summaries": ridge,
            "mean": np.full(len(truth), model.mean_[k]),
        }
        scores = [{"model": name, **regression_scores(truth, found)} for name, found in guesses.items()]
        if bounds is not None:
            levels = [100 * q for q in sorted(model.quantiles)]
            name = f"coverage {levels[0]:g}-{levels[-1]:g}"
            inside = coverage(truth, *bounds)
            scores = [{**row, name: "" if i else inside} for i, row in enumerate(scores)]
        return scores

    def sections(self, data: Sequences, predictions: Predicted, where: str) -> list[Section]:
        """Return scores, and a figure of predicted against true numbers for each of them."""
        from keepgate.tasks.regress.figures import predicted_figure

        truth = self._truth(data)
        first = Section(f"Scores on the {where}", f"{len(truth)} series.", self.scores(data, predictions))
        pictures = [
            Section(
                f"Predicted against true{f' {name}' if truth.shape[1] > 1 else ''} on the {where}",
                figure=predicted_figure(truth[:, k], predictions.numbers[:, k], self._bounds(predictions, k), name),
            )
            for k, name in enumerate(self.names())
        ]
        return [first, *pictures]

    def _bounds(self, predictions: Predicted, k: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the outermost quantiles of number k, [N] each; None where there are not two."""
        quantiles = predictions.quantiles
        return None if quantiles is None or quantiles.shape[1] < 2 else (quantiles[:, 0, k], quantiles[:, -1, k])

    @property
    def columns(self) -> RegressColumns:
        """Names of the columns of the training file, or the usual ones."""
        return getattr(self.estimator, "columns_", RegressColumns())

    def _truth(self, data: Sequences) -> np.ndarray:
        """Return the true numbers [N, K].

        Raises:
            InputError: they are not those of each sequence that the model predicts.
        """
        data, count = of_kind(data, Sequences), self.estimator.n_targets_ or 1
        targets = as_targets(targets_of(data, None), len(data.values))
        targets = targets.reshape(len(targets), -1)
        if targets.shape[1] != count:
            raise InputError(f"the data have {targets.shape[1]} numbers for each series; the model predicts {count}")
        return targets
