"""Anomalies that a fitted `SequenceAutoencoder` finds in a file: tables, and the sections of a report."""

from __future__ import annotations

from collections.abc import Sequence
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
        columns: the names of the file's columns.
        shares: what each channel adds to the scores, N arrays [T_i, C].
        channels: their names.
    """

    data: Sequences
    scores: list[np.ndarray]
    threshold: float
    by: str
    columns: SequenceColumns
    shares: list[np.ndarray]
    channels: Sequence[str]

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
        (_, errors), (_, channels) = estimator.compare(data), estimator.in_order(data)
        shares = [estimator.ordinary_.shares(error) for error in errors]
        return cls(data, estimator.ordinary_.scores(errors), threshold, by, columns, shares, channels)

    @property
    def means(self) -> np.ndarray:
        """The score [N] of each series."""
        return np.array([score.mean() for score in self.scores])

    def table(self) -> pa.Table:
        """Return a row for each step (from 1) or series: its id, its score, and whether that is above the threshold.

        A step also has its time, where the file says it, and the channel that adds most to its score.
        """
        import pyarrow as pa

        if self.by == "series":
            named, scores = {self.columns.id_column: list(self.data.ids)}, self.means
        else:
            ids = [name for name, score in zip(self.data.ids, self.scores, strict=True) for _ in score]
            steps = np.concatenate([np.arange(1, len(score) + 1) for score in self.scores])
            times = self.data.times
            when = {} if times is None else {self.columns.time_column: np.concatenate(times)}
            most = np.concatenate([share.argmax(axis=1) for share in self.shares])
            channel = {"channel": [self.channels[k] for k in most]}
            named = {self.columns.id_column: ids, "step": steps, **when, **channel}
            scores = np.concatenate(self.scores)
        return pa.table({**named, "anomaly_score": scores, "anomaly": scores > self.threshold})

    def rows(self) -> list[dict[str, object]]:
        """Return series, or stretches of steps above the threshold, the highest first.

        A stretch has its first and its last step, by their times or, where the file says none, by their numbers from 1;
        how many steps it has; and the channel that adds most to its scores.
        """
        ids = self.data.ids
        if self.by == "series":
            order = [i for i in np.argsort(-self.means, kind="stable") if self.means[i] > self.threshold]
            return [{"series": ids[i], "score": float(self.means[i])} for i in order]
        return [
            {
                "series": ids[one.series],
                "begin": self._when(one.series, one.begin),
                "end": self._when(one.series, one.end - 1),
                "steps": one.end - one.begin,
                "channel": self.channels[int(self.shares[one.series][one.begin : one.end].sum(axis=0).argmax())],
                "score": one.peak,
            }
            for one in stretches(self.scores, self.threshold)
        ]

    def _when(self, series: int, step: int) -> object:
        """Return the time of a step (from 0), or its number from 1."""
        if self.data.times is None:
            return step + 1
        time = self.data.times[series][step]
        if isinstance(time, np.datetime64):
            return str(time.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
        return time.item() if isinstance(time, np.generic) else time

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
