"""The command-line side of regression: tables of numbers, scores beside baselines, and the report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.tasks.common.given import of_kind
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_face import SequenceFace
from keepgate.tasks.regress.parameters import RegressColumns
from keepgate.tasks.regress.targets import as_targets, targets_of

if TYPE_CHECKING:
    import pyarrow as pa


class Predicted(NamedTuple):
    """What a regressor makes of N sequences.

    Attributes:
        numbers: expected, [N].
        quantiles: ascending, [N, Q], or None.
    """

    numbers: np.ndarray
    quantiles: np.ndarray | None


class RegressorFace(SequenceFace):
    """Face of `SequenceRegressor`; its predictions are `Predicted`."""

    def about(self, data: Sequences) -> list[str]:
        """Return the number of series, their lengths and channels, and the range of the numbers."""
        numbers = self._truth(data)
        told = f"{self.columns.label_column}: {numbers.min():g} to {numbers.max():g}, mean {numbers.mean():g}"
        return [*super().about(replace(data, labels=None)), told]

    def table(self, data: Sequences) -> pa.Table:
        """Return ids, the expected number `<label column>_hat`, and the quantiles if there are some."""
        import pyarrow as pa

        model, name = self.estimator, f"{self.columns.label_column}_hat"
        numbers, quantiles = self.predictions(data)
        found = () if quantiles is None else quantiles.T
        named = {f"{name}_q{100 * q:g}": one for q, one in zip(sorted(model.quantiles), found, strict=True)}
        return pa.table({self.columns.id_column: list(data.ids), name: numbers, **named})

    def predictions(self, data: Sequences) -> Predicted:
        """Return the expected number of each sequence, and the quantiles."""
        return Predicted(*self.estimator.predict_all(data))

    def scores(self, data: Sequences, predictions: Predicted) -> list[dict[str, Any]]:
        """Return R^2, MAE and RMSE of this model, of ridge regression on summaries, and of the training data's mean.

        Raises:
            InputError: a label is no number.
        """
        from keepgate.tasks.regress.scores import coverage, regression_scores

        truth, model = self._truth(data), self.estimator
        rows = {
            model.cell_name(): predictions.numbers,
            "ridge on summaries": model.predict_baseline(data),
            "mean": np.full(len(truth), model.mean_[0]),
        }
        scores = [{"model": name, **regression_scores(truth, found)} for name, found in rows.items()]
        if len(model.quantiles) > 1 and (found := predictions.quantiles) is not None:
            levels = [100 * q for q in sorted(model.quantiles)]
            name = f"coverage {levels[0]:g}-{levels[-1]:g}"
            inside = coverage(truth, found[:, 0], found[:, -1])
            scores = [{**row, name: inside if k == 0 else ""} for k, row in enumerate(scores)]
        return scores

    def sections(self, data: Sequences, predictions: Predicted, where: str) -> list[Section]:
        """Return scores, and a figure of predicted against true numbers."""
        from keepgate.tasks.regress.figures import predicted_figure

        truth = self._truth(data)
        quantiles = predictions.quantiles if len(self.estimator.quantiles) > 1 else None
        figure = predicted_figure(truth, predictions.numbers, quantiles, self.columns.label_column)
        return [
            Section(f"Scores on the {where}", f"{len(truth)} series.", self.scores(data, predictions)),
            Section(f"Predicted against true on the {where}", figure=figure),
        ]

    @property
    def columns(self) -> RegressColumns:
        """Names of the columns of the training file, or the usual ones."""
        return getattr(self.estimator, "columns_", RegressColumns())

    def _truth(self, data: Sequences) -> np.ndarray:
        data = of_kind(data, Sequences)
        return as_targets(targets_of(data, None), len(data.values))
