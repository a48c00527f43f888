"""Two sides in alternating turns of one process: medians, spread, and how far their values are apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.cases import SUITES, Case, Suite
from benchmarks.problems import Step

__all__ = ["TOLERANCE", "Disagreement", "Measurement", "agree", "compare", "time_case"]

TOLERANCE = Suite.tolerance
# A turn is as many runs as fit, at least one, so that a short run is measured as it is in a loop. Before it, the
# threads of the other side go to sleep: those of torch wait for work for 5 ms after a run, of ONNX Runtime for 25.
TURN, PAUSE = 0.02, 0.03
FEWEST_TURNS = 5


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


def time_case(case: Case, seconds: float) -> tuple[Measurement, tuple[float, float]]:
    """Compare and time the two sides of a row; return milliseconds, and the errors as `agree` does.

    Raises:
        Disagreement: their values differ.
    """
    with torch.inference_mode(case.mode != "train"):
        problem = case.problem()
        ours, theirs = problem.ours(), case.peer.step(problem)
        errors = agree(ours, case.peer.check(problem, theirs), SUITES[case.suite].tolerance)
        mine, other = alternate(ours, theirs, seconds)
        return Measurement.of(mine, other, case.peer.work(problem)), errors


def alternate(ours: Step, theirs: Step, seconds: float) -> tuple[list[float], list[float]]:
    """Return the time of one run in each turn of each side, in milliseconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for step in (ours, theirs):
        turn(step)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < FEWEST_TURNS:
        for step, own in zip((ours, theirs), times, strict=True):
            time.sleep(PAUSE)
            own.append(turn(step))
    return times


def turn(step: Step) -> float:
    """Return the median time of the runs of one turn, in milliseconds."""
    times: list[float] = []
    end = time.perf_counter() + TURN
    while not times or time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)


def agree(ours: Step, theirs: Step, tolerance: float = TOLERANCE) -> tuple[float, float]:
    """Run both on the same random bits and compare; return the errors as `compare` does.

    Raises:
        Disagreement: they differ by more than the tolerance.
    """
    results = []
    for step in (ours, theirs):
        torch.manual_seed(0)
        results.append(step())
    absolute, relative = compare(*results)
    if not relative <= tolerance:
        raise Disagreement(f"values differ by {relative:.1e} of the largest, more than {tolerance:.0e}")
    return absolute, relative


def compare(ours: Sequence[Any], theirs: Sequence[Any]) -> tuple[float, float]:
    """Return the largest difference, and the largest as a part of the largest element of its tensor."""
    errors = []
    for a, b in zip(map(_array, ours), map(_array, theirs), strict=True):
        if a.shape != b.shape:
            raise Disagreement(f"values of shape {a.shape} beside {b.shape}")
        difference = np.abs(a - b).max()
        errors.append((difference, difference / (np.abs(b).max() or 1.0)))
    absolute, relative = np.max(errors, axis=0).tolist()  # NaN if there is one
    return absolute, relative


def _array(value: Any) -> np.ndarray:
    """Return a tensor of any package, or a tuple of them stacked, in float64."""
    if isinstance(value, tuple):
        return np.stack([_array(part) for part in value])
    return np.asarray(value.detach() if isinstance(value, torch.Tensor) else value, np.float64)
