"""Two sides in alternating turns: medians, spread, and how far their values are apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import SUITES, Suite
from benchmarks.sides import Side, Start, sides

__all__ = ["FEWEST_TURNS", "PROCESSES", "TOLERANCE", "Disagreement", "Measurement", "agree", "differences", "measure"]

TOLERANCE = Suite.tolerance
# Two processes of one program differ by a few percent, as they happen to lie in memory: so several of each side.
PROCESSES = 3
FEWEST_TURNS = 2  # in each


class Disagreement(Exception):
    """The two sides do not have the same values, so that their speeds say nothing."""


@dataclass(frozen=True)
class Measurement:
    """What one row is about.

    Attributes:
        ours, theirs: medians over turns, in the suite's unit.
        ratio: median over pairs of turns of theirs over ours, for the same work: above 1 is better than the peer.
        lower, upper: its quartiles.
        turns: of each side.
    """

    ours: float
    theirs: float
    ratio: float
    lower: float
    upper: float
    turns: int

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float], work: float) -> Measurement:
        """Return the summary of paired turns."""
        ratios = [work * b / a for a, b in zip(ours, theirs, strict=True)]
        lower, ratio, upper = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
        return cls(statistics.median(ours), statistics.median(theirs), ratio, lower, upper, len(ratios))


def measure(ours: Start, theirs: Start, seconds: float) -> tuple[Measurement, tuple[float, float]]:
    """Measure two sides of a row in fresh processes several times; return the errors as `agree` does.

    Raises:
        Disagreement: their values differ.
        SideError: one of them failed.
    """
    suite = SUITES[ours.case.suite]
    pairs: list[tuple[float, float]] = []
    work, errors = 1.0, (0.0, 0.0)
    for process in range(PROCESSES):
        with sides(ours, theirs) as pair:
            if suite.unit == "MiB":
                pairs.append(both(pair, "peak"))
            if process == 0:
                errors = agree(*both(pair, "values"), suite.tolerance)
                work = pair[1].ask("work")
            if suite.unit == "ms":
                pairs += turns(pair, seconds / PROCESSES)
    return Measurement.of(*zip(*pairs, strict=True), work), errors


def both(pair: Sequence[Side], question: str) -> tuple[Any, Any]:
    """Return the answers of both, asked one after the other."""
    first, second = (side.ask(question) for side in pair)
    return first, second


def turns(pair: Sequence[Side], seconds: float) -> list[tuple[float, float]]:
    """Return the times of pairs of turns, after a pair that does not count."""
    both(pair, "turn")
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < FEWEST_TURNS:
        times.append(both(pair, "turn"))
    return times


def agree(
    ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], tolerance: float = TOLERANCE
) -> tuple[float, float]:
    """Return the errors of the values of both sides as `differences` does.

    Raises:
        Disagreement: they differ by more than the tolerance.
    """
    absolute, relative = differences(ours, theirs)
    if not relative <= tolerance:
        raise Disagreement(f"values differ by {relative:.1e} of the largest, more than {tolerance:.0e}")
    return absolute, relative


def differences(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the largest difference, and the largest as a part of the largest element of its array."""
    errors = []
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            raise Disagreement(f"values of shape {a.shape} beside {b.shape}")
        difference = np.abs(a.astype(float) - b).max()
        errors.append((difference, difference / (np.abs(b).max() or 1.0)))
    absolute, relative = np.max(errors, axis=0).tolist()  # NaN if there is one
    return absolute, relative
