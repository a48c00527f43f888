"""The step between the rows of a series, inferred from their times and used to continue them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate.errors import InputError

__all__ = ["MOST_COUNT", "US", "Frequency", "infer"]

US = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
SHORTEST_MONTH, LONGEST_MONTH = 28 * US["day"], 31 * US["day"]
END = int(np.datetime64("10000", "us").astype(np.int64))  # of the years that can be expressed
# The most units of a step that a model file may say.
MOST_COUNT = {"step": 2**62, "month": 12_000, "business day": 10_000} | {u: 10**15 // n for u, n in US.items()}
LONGEST_SEASON = 300  # rows; a day of 5-minute rows still is a season, of 1-minute rows no more


@dataclass(frozen=True)
class Frequency:
    """A regular step of time.

    Attributes:
        unit: "step" (times are integers), a key of `US`, "month" or "business day".
        count: how many units a step is.
        month_end: months are counted from end to end (31 January, 28 February, ...), not between equal days.
    """

    unit: str
    count: int
    month_end: bool = False

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    def same_step(self, other: Frequency) -> bool:
        """Return whether the steps are equally long."""
        return (self.unit, self.count) == (other.unit, other.count)

    def after(self, times: np.ndarray, steps: Any = 1) -> np.ndarray:
        """Return the times that are some steps later.

        Args:
            times: datetime64[us] or int64.
            steps: how many, broadcast with `times`.

        Raises:
            InputError: a time is later than the year 9999, or a step from 2^63 on.
        """
        self._check_reach(times, steps)
        if self.unit == "month":
            months = times.astype("datetime64[M]") + int(self.month_end)
            within = times - months.astype("datetime64[us]")
            return (months + self.count * np.asarray(steps)).astype("datetime64[us]") + within
        if self.unit == "business day":
            days = times.astype("datetime64[D]")
            later = np.busday_offset(days, self.count * np.asarray(steps), roll="forward")
            return later.astype("datetime64[us]") + (times - days.astype("datetime64[us]"))
        step = self.count if self.unit == "step" else np.timedelta64(self.count * US[self.unit], "us")
        return times + step * np.asarray(steps)

    def between(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return how many steps lie between times, int64; 0 where it is no whole number of them from 1 on."""
        if self.unit == "month":
            months = after.astype("datetime64[M]") - before.astype("datetime64[M]")
            steps = months.astype(np.int64) // self.count
        elif self.unit == "business day":
            steps = np.busday_count(before.astype("datetime64[D]"), after.astype("datetime64[D]")) // self.count
        else:
            steps = (after - before).astype(np.int64) // (self.count * US.get(self.unit, 1))
        steps = np.maximum(steps, 0)
        return np.where((steps > 0) & (self.after(before, steps) == after), steps, 0)

    def _check_reach(self, times: np.ndarray, steps: Any) -> None:
        most = self.count * int(np.max(steps, initial=0))
        if self.unit == "step":
            last, end = int(np.max(times, initial=0)) + most, 2**63
        else:
            length = {"month": LONGEST_MONTH, "business day": 3 * US["day"]}.get(self.unit) or US[self.unit]
            last, end = int(np.max(times.astype(np.int64), initial=0)) + most * length, END
        if last >= end:
            raise InputError(
                f"{most} {self.unit}s after the last time are later than can be expressed: forecast fewer steps"
            )

    @property
    def season(self) -> int:
        """The number of rows in the natural cycle: a day, hour or minute for shorter steps, else a week or year.

        24 for hourly rows, 96 for every 15 minutes, 60 for every minute, 7 daily, 5 on business days, 52 weekly, 12
        monthly, 4 quarterly, 1 yearly and for numbered steps.
        """
        if self.unit == "step":
            return 1
        if self.unit == "business day":
            return 5 if self.count == 1 else 1
        if self.unit == "month":
            return max(_fits(12, self.count), 1)
        step = self.count * US[self.unit]
        week = 7 * US["day"]
        cycles = [US["day"], US["hour"], US["minute"]] if step < US["day"] else [week, 52 * week]
        seasons = [n for n in (_fits(cycle, step) for cycle in cycles) if 1 < n <= LONGEST_SEASON]
        return seasons[0] if seasons else 1

    @property
    def seasons(self) -> list[int]:
        """The cycles that rows may have, in rows, the shortest first: `season`, and a week of rows within a day."""
        seasons = [self.season]
        if self.unit in US and (step := self.count * US[self.unit]) < US["day"]:
            seasons.append(_fits(7 * US["day"], step))
        return [season for season in seasons if 1 < season <= 7 * LONGEST_SEASON]


def _fits(cycle: int, step: int) -> int:
    """Return how often the step goes into the cycle; 0 if it does not divide it."""
    return cycle // step if cycle % step == 0 else 0


def infer(times: np.ndarray, same: np.ndarray) -> tuple[Frequency, np.ndarray]:
    """Return the frequency that most steps have, and how many of its steps lie before each row that is not a first one.

    The latter, int64, is 1 where rows are regular, more after a gap, and 0 where a row breaks the frequency.

    Args:
        times: [N] datetime64[us] or int64, one series after the other, ascending in each.
        same: [N - 1] booleans, whether row i + 1 is of the same series as row i; at least one is.
    """
    before, after = times[:-1][same], times[1:][same]
    best, most = None, -1
    for frequency in _candidates(before, after):
        right = frequency.after(before) == after
        if right.sum() > most:
            best, most = frequency, int(right.sum())
    assert best is not None  # there is a step, and with it a fixed frequency
    return best, best.between(before, after)


def _candidates(before: np.ndarray, after: np.ndarray) -> list[Frequency]:
    """Return the frequencies that the times may have, the simplest first."""
    if before.dtype == np.int64:
        return [Frequency("step", _commonest(after - before))]
    step = _commonest((after - before).astype(np.int64))
    unit = next(name for name, length in US.items() if step % length == 0)
    fixed = Frequency(unit, step // US[unit])
    if step < US["day"]:
        return [fixed]
    if step < SHORTEST_MONTH:
        return [fixed, Frequency("business day", 1)]
    months = _commonest((after.astype("datetime64[M]") - before.astype("datetime64[M]")).astype(np.int64))
    return [*(Frequency("month", max(months, 1), end) for end in (False, True)), fixed]


def _commonest(steps: np.ndarray) -> int:
    """Return the commonest step above zero, and 1 if there is none: a time that comes twice is refused elsewhere."""
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    return int(values[np.argmax(counts)]) if len(values) else 1
