"""What a calendar says of times that are still to come: the hour, the day of the week, the season, holidays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.data.tables.frequency import US, Frequency
from keepgate.errors import InputError, MissingExtraError

__all__ = ["CYCLES", "calendar_names", "calendar_values"]

DAY = US["day"]
CYCLES = {"day": DAY, "week": 7 * DAY, "year": int(365.2425 * DAY)}  # in microseconds
MONDAY = 4 * DAY  # the first one after the first instant of 1970, which was a Thursday
HARMONICS = 2  # a sine and a cosine once and twice in a cycle
LEAST = 2  # cycles that must have been seen before one is told apart from a trend
ROWS = 3  # in a cycle, from which on it has a shape


def calendar_names(frequency: Frequency, times: np.ndarray, window: int, holidays: str | None) -> list[str]:
    """Return the features that help: the cycles of which the times show several, with several rows in each.

    A year is none where the window has one.

    Args:
        frequency: the step between rows.
        times: of all rows; numbered steps have no calendar.
        window: rows of the past that are read anyway.
        holidays: a country, such as "US", or a part of one, such as "DE-BY", or None.
    """
    if times.dtype.kind != "M" or not len(times):
        return []
    step = int((frequency.after(times[:1]) - times[:1]).astype(np.int64)[0])
    span = int((times.max() - times.min()).astype(np.int64))
    names = [name for name, cycle in CYCLES.items() if ROWS * step <= cycle and LEAST * cycle <= span]
    names = [name for name in names if name != "year" or window * step < CYCLES[name]]
    return names + ([f"holidays {holidays}"] if holidays and step <= DAY else [])


def calendar_values(times: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the features of times [...], each a few numbers from -1 to 1: [..., F] float64.

    Raises:
        InputError: a country is unknown.
        MissingExtraError: the library of holidays is not installed.
    """
    parts = [_holiday(times, name.split()[1]) if " " in name else _cycle(times, CYCLES[name]) for name in names]
    return np.concatenate(parts, -1) if parts else np.zeros((*times.shape, 0))


def _cycle(times: np.ndarray, cycle: int) -> np.ndarray:
    microseconds = times.astype("datetime64[us]").astype(np.int64) - MONDAY
    phase = 2 * np.pi * (microseconds % cycle) / cycle
    return np.stack([f(k * phase) for k in range(1, HARMONICS + 1) for f in (np.sin, np.cos)], -1)


def _holiday(times: np.ndarray, country: str) -> np.ndarray:
    """Return 1 on the holidays of a country, or of a part of it, else 0."""
    try:
        import holidays
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("holidays", error) from error
    days = times.astype("datetime64[D]")
    years = range(int(str(days.min())[:4]), int(str(days.max())[:4]) + 1) if days.size else range(0)
    try:
        nation, _, part = country.partition("-")
        known = holidays.country_holidays(nation, subdiv=part or None, years=years)
    except NotImplementedError as error:
        raise InputError(
            f"holidays={country!r} is no country that is known: give a code such as US or DE, or with a part, DE-BY"
        ) from error
    return np.isin(days, np.array(sorted(known), "datetime64[D]"))[..., None].astype(float)
