"""Anomaly scores: how unlikely an error of reconstruction is, step by step, and which stretches stand out.

After Malhotra et al. 2016, "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection": errors on data that are as
they should be have a mean and a covariance; the score of a step is the squared Mahalanobis distance of its error from
that mean, here over the number of channels, so that 1 is ordinary whatever the number of channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.data.arrays import runs
from keepgate.errors import InputError

GRID = np.linspace(0, 1, 1001)  # quantiles that are kept
RIDGE = 1e-3  # share of the mean variance put on the diagonal, so that a channel without errors does not decide alone


_numbers = schema.several(schema.number())
_quantiles = schema.several(schema.number(), len(GRID), len(GRID))
ERRORS = schema.record(mean=_numbers, whiten=schema.several(_numbers), steps=_quantiles, series=_quantiles)  # as JSON


@dataclass(frozen=True)
class ErrorDistribution:
    """Errors of reconstruction, and the scores that they get, on ordinary data.

    Attributes:
        mean: of the errors, [C].
        whiten: [C, C]; whiten @ (error - mean) has about the covariance 1.
        steps: quantiles of the scores of steps, from the 0th to the 100th percent, [1001].
        series: likewise of the mean scores of whole series.
    """

    mean: np.ndarray
    whiten: np.ndarray
    steps: np.ndarray
    series: np.ndarray

    @classmethod
    def of(cls, errors: Sequence[np.ndarray]) -> ErrorDistribution:
        """Return the distribution of these errors, N arrays [T_i, C]."""
        every = np.concatenate(errors)
        mean = every.mean(axis=0)
        covariance = np.cov(every.T, bias=True).reshape(len(mean), len(mean))
        ridge = RIDGE * np.trace(covariance) / len(mean) + np.finfo(np.float64).tiny
        whiten = np.linalg.inv(np.linalg.cholesky(covariance + ridge * np.eye(len(mean))))
        scores = cls(mean, whiten, GRID, GRID).scores(errors)
        return cls(mean, whiten, np.quantile(np.concatenate(scores), GRID), np.quantile(_means(scores), GRID))

    @classmethod
    def from_json(cls, data: dict[str, Any], channels: int) -> ErrorDistribution:
        """Return what `ERRORS` describes; InputError unless it is of so many channels."""
        if {len(data["mean"]), len(data["whiten"]), *map(len, data["whiten"])} != {channels}:
            raise InputError(f"fitted.ordinary is not of {channels} channels")
        return cls(**{name: np.array(values, np.float64) for name, values in data.items()})

    def scores(self, errors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the score [T_i] of each step of each series, from errors [T_i, C]."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = [np.square((error - self.mean) @ self.whiten.T).mean(axis=1) for error in errors]
        if not all(np.isfinite(score).all() for score in scores):
            raise InputError("the scores of the model are no numbers: its weights are of no training; train it again")
        return scores

    def shares(self, error: np.ndarray) -> np.ndarray:
        """Return what each channel adds to the scores of steps, [T, C], from their errors [T, C].

        The mean over the channels is the score; a channel that others explain may add less than nothing.
        """
        apart = error - self.mean
        return apart * (apart @ self.whiten.T @ self.whiten)

    def threshold(self, quantile: float, by: str) -> float:
        """Return the score that a share `quantile` of ordinary steps or series (`by`) stays below."""
        if not 0 < quantile <= 1:
            raise InputError(f"quantile={quantile} is not above 0 and at most 1")
        return float(np.interp(quantile, GRID, {"step": self.steps, "series": self.series}[by]))


@dataclass(frozen=True)
class Stretch:
    """Steps `begin` to `end` (exclusive, from 0) of series number `series`, all above the threshold."""

    series: int
    begin: int
    end: int
    peak: float


def stretches(scores: Sequence[np.ndarray], threshold: float) -> list[Stretch]:
    """Return the stretches where scores [T_i] lie above the threshold, the highest first."""
    result = [
        Stretch(i, begin, end, float(score[begin:end].max()))
        for i, score in enumerate(scores)
        for begin, end in runs(score > threshold)
    ]
    return sorted(result, key=lambda one: -one.peak)


def _means(scores: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([score.mean() for score in scores])
