"""How wide quantiles have to be now: by how far off a model was lately, in rows that it did not learn from.

What a series does may become harder to forecast, or easier, than what the quantiles were calibrated on. A table to
forecast that goes on beyond the training data shows it: the model forecasts from earlier cut-offs in these rows, and
each pair of quantiles (q and 1 - q) is stretched about its centre by the factor that would have let it cover what
followed: conformal prediction with a calibration set that moves along in time (as Gibbs & Candès 2021 adapt to it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keepgate.data.tables.panel import Panel
from keepgate.tasks.forecast.examples import Prepared

__all__ = ["centre", "unseen", "widened"]

WINDOWS = 8  # the latest cut-offs that are looked at, a horizon apart
PRIOR = 0.25  # windows that the calibration of the training counts for beside them
BOUNDS = (0.2, 5.0)  # of a factor


def unseen(panel: Panel, until: int | None) -> np.ndarray:
    """Return the first row of each series that is later than `until`, [S]; without it, the end of each series."""
    if until is None:
        return panel.starts[1:]
    seen = np.concatenate([[0], np.cumsum(panel.times.astype(np.int64) <= until)])
    return panel.starts[:-1] + np.diff(seen[panel.starts])


def centre(quantiles: Sequence[float]) -> int:
    """Return which of the mean and the ascending quantiles is the one that the others are stretched from."""
    return 1 + list(quantiles).index(0.5) if 0.5 in quantiles else 0


def widened(
    found: np.ndarray,
    cut: np.ndarray,
    series: np.ndarray,
    data: Prepared,
    first: np.ndarray,
    quantiles: Sequence[float],
    forecast: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return forecasts whose quantiles are as wide as those from earlier cut-offs would have had to be.

    Args:
        found: the forecasts, [B, horizon, 1 + Q].
        cut: the rows that they begin with, [B].
        series: theirs, [B].
        data: the series.
        first: of each series the first row that forecasts may begin with to be looked at, [S].
        quantiles: ascending.
        forecast: what gives forecasts from rows of series, before they are widened.
    """
    horizon = data.reads.horizon
    earlier = cut[:, None] - horizon * np.arange(1, WINDOWS + 1)
    known = earlier >= np.maximum(first, data.panel.starts[:-1] + data.reads.window)[series][:, None]
    if len(quantiles) < 2 or not known.any():
        return found
    cuts, places = np.unique(earlier[known], return_inverse=True)
    then = forecast(cuts, np.searchsorted(data.panel.starts, cuts, "right") - 1)
    truth, count = data.transformed_truth(cuts), known.sum(1)
    trust = (count / (count + PRIOR))[:, None]
    result, middle = found.copy(), centre(quantiles)
    for places_of, share in _pairs(quantiles):
        scores = np.full((*earlier.shape, horizon), np.nan)
        scores[known] = _scores(then, truth, places_of, middle)[places]
        factor = np.clip(_quantile(scores.reshape(len(found), -1), share), *BOUNDS)[:, None] ** trust
        for k in places_of:
            result[..., k] = found[..., middle] + factor * (found[..., k] - found[..., middle])
    return result


def _pairs(quantiles: Sequence[float]) -> Iterator[tuple[list[int], float]]:
    """Yield which outputs are stretched alike, and the share of values that lies on the inner side of them."""
    levels = np.array(quantiles)
    for k, q in enumerate(levels):
        others = np.flatnonzero(np.abs(levels + q - 1) < 1e-9)
        if q < 0.5 and len(others):
            yield [1 + k, 1 + int(others[0])], 1 - 2 * q
        elif q != 0.5 and not len(others):
            yield [1 + k], max(q, 1 - q)


def _quantile(scores: np.ndarray, share: float) -> np.ndarray:
    """Return what the next score is below with that probability, given those of a row [B, N]; 1 where all are NaN."""
    count = (~np.isnan(scores)).sum(1)
    place = np.clip(np.ceil(share * (count + 1)).astype(int), 1, np.maximum(count, 1)) - 1
    return np.where(count, np.sort(scores, axis=1)[np.arange(len(scores)), place], 1.0)


def _scores(forecasts: np.ndarray, truth: np.ndarray, places: list[int], middle: int) -> np.ndarray:
    """Return how far values lie from the centre, in distances of the quantile on their side (or of the only one)."""
    error = truth - forecasts[..., middle]
    distances = [forecasts[..., k] - forecasts[..., middle] for k in places]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [np.where(distance != 0, error / distance, np.nan) for distance in distances]
    return np.fmax.reduce(ratios)
