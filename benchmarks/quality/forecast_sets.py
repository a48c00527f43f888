"""The sets of the forecast panel: what is known at each cut-off, and what followed.

Real sets come from `shared/data` next to the checkout and from statsmodels; a set whose data are absent is left out,
and says so. The promotion is simulated, since no public set here has a plan that is known ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from benchmarks.quality.rows import DATA

HOURS = 24


@dataclass(frozen=True)
class Set:
    """Long tables (`unique_id`, `ds`, `y`, then what is known ahead), complete and of equal steps.

    Attributes:
        name: of the set.
        table: all rows, those to be forecast included.
        horizon: rows of a forecast.
        ends: where the cut-offs are: rows after each, counted from the end of a series.
        seasons: every plausible one, in rows; the first scales MASE.
        known: columns known ahead.
        memory: most rows before a cut-off that the statistical peers read, for they take long.
    """

    name: str
    table: pd.DataFrame
    horizon: int
    ends: tuple[int, ...]
    seasons: tuple[int, ...]
    known: tuple[str, ...] = ()
    memory: int = 1000
    targets: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = self.table.groupby("unique_id", sort=False)
        self.targets.update({str(name): part["y"].to_numpy(float) for name, part in groups})

    def earlier(self) -> Set:
        """Return the set without its test part, its cut-offs that much earlier: what defaults are chosen by."""
        return replace(self, table=self.train(), targets={})

    def until(self, end: int) -> pd.DataFrame:
        """Return the rows of each series up to a cut-off."""
        groups = self.table.groupby("unique_id", sort=False)
        return self.table[groups.cumcount(ascending=False) >= end].reset_index(drop=True)

    def train(self) -> pd.DataFrame:
        """Return the rows before the first cut-off."""
        return self.until(max(self.ends))

    def plan(self, end: int) -> pd.DataFrame:
        """Return what is known ahead of the rows after a cut-off."""
        after = self.table.groupby("unique_id", sort=False).cumcount(ascending=False)
        rows = self.table[(after < end) & (after >= end - self.horizon)]
        return rows[["unique_id", "ds", *self.known]].reset_index(drop=True)

    def truth(self, name: str, end: int) -> np.ndarray:
        """Return the rows of a series that follow a cut-off."""
        y = self.targets[name]
        return y[len(y) - end : len(y) - end + self.horizon]

    def scale(self, name: str) -> float:
        """Return the mean absolute seasonal difference of a series before the first cut-off: the unit of MASE."""
        y, season = self.targets[name][: -max(self.ends)], self.seasons[0]
        return float(np.mean(np.abs(y[season:] - y[:-season])))


def cuts(rows: int, horizon: int, step: int) -> tuple[int, ...]:
    """Return the ends of cut-offs every `step` rows whose horizons lie in the last `rows`."""
    return tuple(range(rows, horizon - 1, -step))


def long(columns: pd.DataFrame) -> pd.DataFrame:
    """Return a wide table (index: times) as a long one."""
    return columns.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")


def etth1() -> Set:
    """Hourly load and temperature of a transformer: 7 channels, months 17 to 20 are the test part."""
    wide = pd.read_csv(DATA / "ett" / "ETTh1.csv", parse_dates=["date"], index_col="date")[: 20 * 30 * HOURS]
    return Set("ETTh1, 24 hours", long(wide), HOURS, cuts(4 * 30 * HOURS, HOURS, 4 * HOURS), (24, 168))


def weekly() -> Set:
    """The weekly series of the M4 competition, forecast once."""
    parts = [pd.read_csv(DATA / "m4" / f"weekly_{part}.csv.gz") for part in ("train", "test")]
    lengths = parts[0].groupby("unique_id")["ds"].max()
    parts[1]["ds"] += parts[1]["unique_id"].map(lengths)
    table = pd.concat(parts).sort_values(["unique_id", "ds"], ignore_index=True)
    return Set("M4 weekly", table, 13, (13,), (1, 52), memory=520)


def co2() -> Set:
    """Weekly carbon dioxide at Mauna Loa; gaps are filled by straight lines, for the peers take none."""
    from statsmodels.datasets import co2 as source

    y = source.load_pandas().data["co2"].interpolate()
    return Set("CO2 weekly", long(y.to_frame("co2")), 26, cuts(416, 26, 13), (52, 1), memory=1040)


def sunspots() -> Set:
    """Yearly sunspots."""
    from statsmodels.datasets import sunspots as source

    data = source.load_pandas().data
    table = pd.DataFrame({"unique_id": "sunspots", "ds": data["YEAR"].astype(int), "y": data["SUNACTIVITY"]})
    return Set("sunspots yearly", table, 11, cuts(88, 11, 3), (11, 10, 1))


def taxi() -> Set:
    """Taxi passengers in New York by the hour, to the middle of December 2014, the last four weeks being tested."""
    data = pd.read_csv(DATA / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv.gz", parse_dates=["timestamp"])
    y = data.set_index("timestamp")["value"].resample("h").sum()[: 24 * 7 * HOURS]
    return Set("taxi hourly", long(y.to_frame("taxi")), 48, cuts(28 * HOURS, 48, 18), (168, 24))


def promotion() -> Set:
    """Simulated daily sales of a shop: a weekly shape, noise of 2.9 (mean 2.3), and a planned promotion of 100."""
    random = np.random.default_rng(0)
    rows = 730
    planned = (random.random(rows) < 0.2).astype(float)
    shape = 10 * np.sin(2 * np.pi * np.arange(rows) / 7)
    y = 200 + shape + 100 * planned + random.normal(0, 2.9, rows)
    days = pd.date_range("2023-01-01", periods=rows)
    table = pd.DataFrame({"unique_id": "shop", "ds": days, "y": y, "promotion": planned})
    return Set("promotion, simulated", table, 14, cuts(140, 14, 7), (7, 1), known=("promotion",))


SETS: dict[str, Callable[[], Set]] = {
    "etth1": etth1,
    "weekly": weekly,
    "co2": co2,
    "sunspots": sunspots,
    "taxi": taxi,
    "promotion": promotion,
}
