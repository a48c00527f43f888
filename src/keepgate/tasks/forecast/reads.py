"""What a forecaster reads, and how it is inferred from the parameters and the training table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.data.tables.calendar import CYCLES, calendar_names, calendar_values
from keepgate.data.tables.frequency import MOST_COUNT, Frequency
from keepgate.data.tables.panel import Panel, filled
from keepgate.errors import InputError, listed, quoted
from keepgate.tasks.forecast.distributions import FAMILIES
from keepgate.tasks.forecast.network import QUANTILE, Sizes
from keepgate.tasks.forecast.parameters import MOST_ROWS
from keepgate.tasks.forecast.spans import default_patch, default_window, found_season
from keepgate.tasks.forecast.transforms import TRANSFORMS

__all__ = ["FITTED", "Reads", "Term", "deviations", "infer"]

NAMES = schema.several(schema.text(), distinct=True)
PARTS = {
    "window": schema.whole(2, MOST_ROWS),
    "patch": schema.whole(1, MOST_ROWS),
    "season": schema.whole(1, MOST_ROWS),
    "frequency": schema.record(unit=schema.choice(MOST_COUNT), count=schema.whole(1, 2**62), month_end=schema.boolean),
    "covariates": NAMES,
    "gaps": schema.boolean,
    "known": NAMES,
    "calendar": NAMES,
    "attributes": schema.table(NAMES),
    "scales": schema.table(schema.several(schema.number(0))),
    "calibrated": schema.boolean,
    "until": schema.optional(schema.whole(-(2**63), 2**63 - 1)),
    "transform": schema.choice(TRANSFORMS),
    "terms": schema.several(
        schema.record(
            season=schema.whole(0, MOST_ROWS),
            penalty=schema.number(0),
            order=schema.whole(0, MOST_ROWS),
            share=schema.number(0, 1),
        )
    ),
}
EARLIER = {
    **{"gaps": False, "known": [], "calendar": [], "attributes": {}, "scales": {}, "calibrated": False},
    **{"until": None, "transform": "identity", "terms": []},
}


def FITTED(name: str, value: Any) -> None:
    """Check what a model file says was inferred; files of 0.1.0 say less."""
    schema.record(**PARTS)(name, _completed(value) if isinstance(value, dict) else value)


def _completed(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a model file says, with what earlier ones did not: many had one term, the `departure`."""
    state = {**EARLIER, **state}
    departure = state.pop("departure", None)
    if isinstance(departure, dict):
        state["terms"] = [{"order": 0, "share": 1.0, **departure}]
    return state


@dataclass(frozen=True)
class Term:
    """How one of the maps is solved whose mean is the linear part.

    Attributes:
        season: of the naive forecast that it departs from, in rows; 0 for the mean of the window.
        penalty: of ridge regression.
        order: 0: each step ahead has a map of its own from the whole window. Else the last so many rows forecast the
            next one, and so on: an autoregression that is rolled out.
        share: of the mean.
    """

    season: int
    penalty: float
    order: int = 0
    share: float = 1.0


@dataclass(frozen=True)
class Reads:
    """What a forecaster reads.

    Attributes:
        horizon: rows to forecast.
        window: rows of the past.
        patch: rows that the recurrent layers take in one step.
        season: rows in a season.
        frequency: the step between rows.
        covariates: names of the columns known up to the last row.
        gaps: whether it reads, as one more channel, which values of the target were there.
        known: names of the columns known ahead.
        calendar: names of what the calendar says of the rows ahead.
        attributes: the columns of attributes, each with its values in the training data.
        scales: with columns known ahead: the deviations of each series' channels in the training data.
        calibrated: whether the network ends in a calibration; those of 0.1.0 do not.
        until: the latest time of the training data, in steps or in microseconds since 1970.
        transform: the scale that the target is learned on; see `transforms`.
        terms: how the linear part is solved; see `terms`.
    """

    horizon: int
    window: int
    patch: int
    season: int
    frequency: Frequency
    covariates: tuple[str, ...] = ()
    gaps: bool = False
    known: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()
    attributes: dict[str, list[str]] = field(default_factory=dict)
    scales: dict[str, list[float]] = field(default_factory=dict)
    calibrated: bool = True
    until: int | None = None
    transform: str = "identity"
    terms: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        if self.patch > self.window:
            raise InputError(f"patch={self.patch} is longer than the window of {self.window} rows")

    @property
    def channels(self) -> int:
        """How many numbers a row of the window has."""
        return 1 + len(self.covariates) + self.gaps

    @property
    def ahead(self) -> int:
        """How many numbers are known of a row ahead."""
        return len(self.known) + calendar_values(np.zeros(0, "datetime64[us]"), self.calendar).shape[-1]

    def sizes(self, quantiles: int, loss: str = QUANTILE) -> Sizes:
        """Return the sizes of the network that forecasts so many quantiles, or a distribution."""
        return Sizes(
            window=self.window,
            patch=self.patch,
            channels=self.channels,
            horizon=self.horizon,
            quantiles=quantiles if loss == QUANTILE else len(FAMILIES[loss].parameters) - 1,
            known=len(self.known),
            ahead=self.ahead,
            attributes=tuple(1 + len(values) for values in self.attributes.values()),
            calibrated=self.calibrated,
            loss=loss,
        )

    def to_json(self) -> dict[str, Any]:
        """Return all but the horizon, which is a parameter, as JSON values."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: values[name] for name in PARTS}

    @classmethod
    def from_json(cls, state: dict[str, Any], horizon: int) -> Reads:
        """Return what `to_json` wrote; it has passed `FITTED`.

        Raises:
            InputError: its values do not fit each other.
        """
        state = _completed(state)
        if state["frequency"]["count"] > (most := MOST_COUNT[state["frequency"]["unit"]]):
            raise InputError(f"fitted.frequency.count={state['frequency']['count']} is not at most {most:,}")
        if state["patch"] > state["window"]:
            raise InputError(f"fitted.patch={state['patch']} is longer than the window of {state['window']} rows")
        if unknown := [name for name in state["calendar"] if " " not in name and name not in CYCLES]:
            raise InputError(f"fitted.calendar has {quoted(unknown[0])}, which is none of {listed(CYCLES)}")
        names = {name: tuple(state[name]) for name in ("covariates", "known", "calendar")}
        terms = tuple(Term(**term) for term in state["terms"])
        if any(max(term.season, term.order) > state["window"] for term in terms):
            raise InputError(f"fitted.terms reach beyond the window of {state['window']} rows")
        reads = cls(
            **{**state, **names, "frequency": Frequency(**state["frequency"]), "horizon": horizon, "terms": terms}
        )
        if any(len(scale) != reads.channels for scale in reads.scales.values()):
            raise InputError(f"fitted.scales has not {reads.channels} numbers for each series")
        return reads


def infer(
    data: Panel,
    *,
    horizon: int,
    season: int | None,
    window: int | None,
    patch: int | None,
    calendar: bool,
    holidays: str | None,
    transform: str = "identity",
) -> Reads:
    """Return what a forecaster of a table reads; the arguments are its parameters.

    Raises:
        InputError: the patch is longer than the window.
    """
    assert data.frequency is not None  # there is a series of two rows
    frequency = data.frequency
    if season is None and (season := frequency.season) == 1:
        season = found_season(np.split(filled(data.values[:, 0], data.starts), data.starts[1:-1]))
    window = int(window or default_window(season, frequency, horizon, data.lengths))
    names = calendar_names(frequency, data.times, window, holidays) if calendar else []
    gaps = bool(np.isnan(data.values[:, 0]).any())
    reads = Reads(
        horizon,
        window,
        int(patch or default_patch(season, window)),
        int(season),
        frequency,
        data.covariates,
        gaps,
        data.known,
        tuple(names),
        {name: sorted({*texts} - {""}) for name, texts in data.statics.items()},
        transform=transform,
    )
    scales = deviations(data, reads).tolist() if data.known else []
    until = int(data.times.astype(np.int64).max())
    return replace(reads, scales=dict(zip(data.keys, scales, strict=False)), until=until)


def deviations(data: Panel, reads: Reads) -> np.ndarray:
    """Return the standard deviation of each series' channels, [S, C]; 1 for a constant one, and for that of gaps."""
    values = filled(data.values, data.starts)
    values[:, 0] = TRANSFORMS[reads.transform].forth(values[:, 0])
    parts = np.split(values, data.starts[1:-1])
    found = np.array([np.where(np.ptp(part, axis=0) > 0, part.std(axis=0), 1.0) for part in parts])
    return np.column_stack([found, np.ones(len(found))]) if reads.gaps else found
