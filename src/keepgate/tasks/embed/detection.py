"""What a fitted `SequenceAutoencoder` finds out of the ordinary in a file: tables, and the sections of a report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError, quoted
from keepgate.tasks.classify.estimator import SequenceColumns
from keepgate.tasks.common.report.section import Section
from keepgate.tasks.embed.anomalies import stretches
from keepgate.tasks.embed.estimator import SequenceAutoencoder
from keepgate.tasks.embed.figures import series_figure

BY = ("step", "series")
LISTED, PICTURED = 20, 6  # stretches or series in the report


@dataclass(frozen=True)
class Detection:
    """The scores [T_i] of N series, and the threshold for steps or for series' means (`by`)."""

    data: Sequences
    scores: list[np.ndarray]
    threshold: float
    by: str
    id_column: str

    @classmethod
    def of(cls, estimator: SequenceAutoencoder, data: Sequences, quantile: float, by: str) -> Detection:
        """Score the series; the threshold is what a share `quantile` of ordinary steps or series stays below.

        Raises InputError for another `by` and for a quantile that is not above 0 and at most 1.
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
        """A row for each step (from 1) or series: its id, its score, and whether that is above the threshold."""
        if self.by == "series":
            named, scores = {self.id_column: list(self.data.ids)}, self.means
        else:
            ids = [name for name, score in zip(self.data.ids, self.scores, strict=True) for _ in score]
            steps = np.concatenate([np.arange(1, len(score) + 1) for score in self.scores])
            named, scores = {self.id_column: ids, "step": steps}, np.concatenate(self.scores)
        return pa.table({**named, "anomaly_score": scores, "anomaly": scores > self.threshold})

    def rows(self) -> list[dict[str, object]]:
        """What is above the threshold, the highest first: series, or stretches of steps (from 1, the end included)."""
        ids = self.data.ids
        if self.by == "series":
            order = [i for i in np.argsort(-self.means, kind="stable") if self.means[i] > self.threshold]
            return [{"series": ids[i], "score": float(self.means[i])} for i in order]
        return [
            {"series": ids[one.series], "begin": one.begin + 1, "end": one.end, "score": one.peak}
            for one in stretches(self.scores, self.threshold)
        ]

    def summary(self) -> str:
        """One sentence: how much is above which threshold."""
        marked = np.concatenate(self.scores) > self.threshold if self.by == "step" else self.means > self.threshold
        return f"{marked.sum():,} of {marked.size:,} {self.by}s score above {self.threshold:.3g} (1 is ordinary)."

    def sections(self, estimator: SequenceAutoencoder) -> list[Section]:
        """The list, and pictures of the series that stand out most, with their reconstruction and what is flagged."""
        found = self.rows()
        heights = self.means if self.by == "series" else np.array([score.max() for score in self.scores])
        some = np.argsort(-heights, kind="stable")[:PICTURED]
        part = Sequences(
            [self.data.ids[i] for i in some], [self.data.values[i] for i in some], None, self.data.channels
        )
        values, names = estimator.in_order(part)
        return [
            Section("Out of the ordinary", self.summary(), found[:LISTED]),
            *(
                Section(
                    f"Series {self.data.ids[i]}: score {heights[i]:.3g}",
                    figure=series_figure(value, again, names, self.scores[i], self.threshold),
                )
                for i, value, again in zip(some, values, estimator.reconstruct(part), strict=True)
            ),
        ]
