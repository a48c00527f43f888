"""How far a forecaster looks back by default, and in what steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from keepgate.data.tables.frequency import US, Frequency

__all__ = ["default_patch", "default_window", "found_season"]

SEASONS = {7: 8, 5: 8, 52: 3, 12: 4, 4: 5}  # of a season's rows, how many a window has: weeks, years
DAYS = 21  # of rows within a day: so a window sees each day of the week three times
MOST = 1500  # rows, where three weeks have more
HORIZONS = 8  # where there is no season: so many horizons, within
BOUNDS = (32, 512)  # rows
SHARE = 6  # a window has at most 1/6 of the median length of the series
PATCHES = 4  # a patch is a season, where a window has so many; else 1/8 of the window

CLEAR = 0.3  # by so much the correlation a season ago exceeds the least before it, and zero
NEARLY = 0.9  # of the highest peak
CYCLES = 3  # of a season that series have at least, where it is found in them
SERIES = 200  # whose correlations are averaged


def found_season(parts: Sequence[np.ndarray]) -> int:
    """Return the season, in rows, that series show where their times name none; 1 if they show none.

    It is the first peak of the autocorrelation of the series less their straight lines, averaged over series, that is
    nearly as high as the highest: multiples of a season have peaks too.

    Args:
        parts: the values of each series.
    """
    reach = int(np.median([len(part) for part in parts])) // CYCLES
    usable = [part for part in parts if len(part) > reach and np.ptp(part) > 0]
    if reach < 4 or not usable:
        return 1
    chosen = [usable[k] for k in np.unique(np.linspace(0, len(usable) - 1, SERIES).astype(int))]
    mean = np.mean([_autocorrelation(part)[:reach] for part in chosen], axis=0)
    peaks = [k for k in range(2, reach - 1) if mean[k - 1] < mean[k] >= mean[k + 1]]
    clear = [k for k in peaks if mean[k] >= CLEAR and mean[k] - mean[:k].min() >= CLEAR]
    highest = max((mean[k] for k in clear), default=0.0)
    return next((k for k in clear if mean[k] >= NEARLY * highest), 1)


def _autocorrelation(y: np.ndarray) -> np.ndarray:
    rows = np.arange(len(y))
    left = y - np.polyval(np.polyfit(rows, y, 1), rows)
    sums = np.fft.irfft(np.abs(np.fft.rfft(left, 2 * len(y))) ** 2)[: len(y)]
    return sums / (sums[0] or 1.0)


def default_window(season: int, frequency: Frequency, horizon: int, lengths: np.ndarray) -> int:
    """Return the rows that a forecast is made from: whole seasons, so that their mean is that of a season.

    Args:
        season: in rows.
        frequency: the step between rows.
        horizon: rows to forecast.
        lengths: of the series, in rows.
    """
    if season == 1:
        wanted = int(np.clip(HORIZONS * horizon, *BOUNDS))
    elif US.get(frequency.unit, US["day"]) * frequency.count < US["day"]:
        wanted = season * max(min(DAYS, MOST // season), 4)
    else:
        wanted = season * SEASONS.get(season, 4)
    window = min(max(wanted, 2 * horizon), int(np.median(lengths)) // SHARE)
    whole = max((cycle for cycle in (season, *frequency.seasons) if cycle <= window), default=1)
    return max(window // whole * whole, min(season + 1, horizon + 1), 2)


def default_patch(season: int, window: int) -> int:
    """Return the rows that the recurrent layers take in one step."""
    return season if 1 < season <= window // PATCHES else max(math.ceil(window / 8), 1)
