"""Anomalies that a fitted `SequenceAutoencoder` finds in a file: tables, and the sections of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, quoted
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.common.sequence_parameters import SequenceColumns
from keepgate.tasks.embed.anomalies import stretches
from keepgate.tasks.embed.estimator import SequenceAutoencoder

if TYPE_CHECKING:
    import pyarrow as pa

BY = ("step", "series")
LISTED, PICTURED = 20, 6  # stretches or series in the report


@dataclass(frozen=True)
class Detection:
    """Scores of series, and which of them are anomalies.

    Attributes:
        data: the N series.
        scores: of their steps, N arrays [T_i].
        threshold: for the scores of steps, or for the means of series.
        by: "step" or "series".
        id_column: name of the column of the series' ids.
    """

    data: Sequences
    scores: list[np.ndarray]
    threshold: float
    by: str
    id_column: str

    @classmethod
    def of(cls, estimator: SequenceAutoencoder, data: Sequences, quantile: float, by: str) -> Detection:
        """Score series.

        Args:
            estimator: trained on ordinary series.
            data: the series.
            quantile: share of ordinary steps or series that stays below the threshold.
            by: "step" or "series".

        Raises:
            InputError: `by` is something else, or the quantile is not above 0 and at most 1.
        """
        if by not in BY:
            raise InputError(f"by={quoted(by)} is none of {', '.join(BY)}")
        threshold = estimator.ordinary_.threshold(quantile, by)
        columns = getattr(estimator, "columns_", SequenceColumns())
        return cls(data, estimator.anomaly_scores(data), threshold, by, columns.id_column)

    @property
    def means(self) -> np.ndarray:
        """The score [N] of each series."""
        return np.array([score.mean() for score in self.scores])

    def table(self) -> pa.Table:
        """Return a row for each step (from 1) or series: its id, its score, and whether that is above the threshold."""
        import pyarrow as pa

        if self.by == "series":
            named, scores = {self.id_column: list(self.data.ids)}, self.means
        else:
            ids = [name for name, score in zip(self.data.ids, self.scores, strict=True) for _ in score]
            steps = np.concatenate([np.arange(1, len(score) + 1) for score in self.scores])
            named, scores = {self.id_column: ids, "step": steps}, np.concatenate(self.scores)
        return pa.table({**named, "anomaly_score": scores, "anomaly": scores > self.threshold})

    def rows(self) -> list[dict[str, object]]:
        """Return series, or stretches of steps (from 1, the end included) above the threshold, the highest first."""
        ids = self.data.ids
        if self.by == "series":
            order = [i for i in np.argsort(-self.means, kind="stable") if self.means[i] > self.threshold]
            return [{"series": ids[i], "score": float(self.means[i])} for i in order]
        return [
            {"series": ids[one.series], "begin": one.begin + 1, "end": one.end, "score": one.peak}
            for one in stretches(self.scores, self.threshold)
        ]

    def summary(self) -> str:
        """Return one sentence: how much is above which threshold."""
        marked = np.concatenate(self.scores) > self.threshold if self.by == "step" else self.means > self.threshold
        what = {"step": "steps", "series": "series"}[self.by]
        return f"{marked.sum():,} of {marked.size:,} {what} score above {self.threshold:.3g} (1 is ordinary)."

    def sections(self, estimator: SequenceAutoencoder) -> list[Section]:
        """Return the list, and pictures of the series that stand out most, with their reconstruction and anomalies."""
        from keepgate.tasks.embed.figures import series_figure

        heights = self.means if self.by == "series" else np.array([score.max() for score in self.scores])
        chosen = np.argsort(-heights, kind="stable")[:PICTURED]
        part = Sequences(
            [self.data.ids[i] for i in chosen], [self.data.values[i] for i in chosen], None, self.data.channels
        )
        values, names = estimator.in_order(part)
        return [
            Section("Out of the ordinary", self.summary(), self.rows()[:LISTED]),
            *(
                Section(
                    f"Series {self.data.ids[i]}: score {heights[i]:.3g}",
                    figure=series_figure(value, again, names, self.scores[i], self.threshold),
                )
                for i, value, again in zip(chosen, values, estimator.reconstruct(part), strict=True)
            ),
        ]
