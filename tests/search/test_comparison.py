"""The comparison: who trains with what, and the test against scipy's formula written again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy import stats

from keepgate import cells
from keepgate.search.bench import Bench, Job
from keepgate.search.comparison import SEEDS, Comparison, Contender, compare, p_value, relative_time
from keepgate.search.synthetic import TASKS

LSTM, GRU = (cells.get(name).equations for name in ("lstm", "gru"))


class Told(Bench):
    """A GRU likes a rate of 0.1, an LSTM one of 0.01; the score tells seed and task."""

    def __init__(self) -> None:
        super().__init__(None, {}, 1)
        self.jobs: list[Job] = []

    def all(self, jobs: Any) -> list[dict[str, Any]]:
        self.jobs += jobs
        return [self.one(job) for job in jobs]

    def one(self, job: Job) -> dict[str, Any]:
        liked = 0.1 if job.equations is GRU else 0.01
        value = 0.5 * (job.rates[0] == liked) + job.seed / 1000 + 0.2 * (job.equations is GRU)
        lost = "not finite" if job.seed == 103 and job.equations is GRU else None
        return {"scores": {job.tasks[0].name: [] if lost else [value]}, "lost": lost}


def compared() -> tuple[Comparison, Told]:
    bench, both = Told(), [Contender("found", GRU), Contender("lstm", LSTM), Contender("biased", LSTM, 1.0)]
    tasks = [TASKS["latch"], TASKS["parity"]]
    return compare(bench, both, tasks, 8, 9, (0.01, 0.1)), bench


def test_each_has_its_rate_and_all_have_the_same_rest():
    comparison, bench = compared()
    assert comparison.rates == {
        name: dict.fromkeys(("latch", "parity"), rate)
        for name, rate in (("found", 0.1), ("lstm", 0.01), ("biased", 0.01))
    }
    assert len(bench.jobs) == 3 * 2 * (2 + len(SEEDS))
    assert {(job.size, job.updates, job.hurdles) for job in bench.jobs} == {(8, (9,), ())}
    assert {job.forget_bias for job in bench.jobs} == {None, 1.0}
    assert {job.seed for job in bench.jobs[:12]}.isdisjoint(SEEDS)


def test_scores_lie_where_they_belong():
    comparison, _ = compared()
    assert comparison.scores["lstm"]["parity"] == [0.5 + seed / 1000 for seed in SEEDS]
    wanted = [-1.0 if seed == 103 else 0.7 + seed / 1000 for seed in SEEDS]
    assert comparison.scores["found"]["latch"] == pytest.approx(wanted)
    row = comparison.rows()[0]
    assert row["seeds better than lstm"] == "4 of 5"
    assert row["p against lstm"] == f"{comparison.p_value('found'):.2g}"


def test_the_test_is_students_paired_one():
    mine, theirs = [0.5, 0.6, 0.55, 0.7, 0.61], [0.4, 0.55, 0.5, 0.52, 0.6]
    differences = [a - b for a, b in zip(mine, theirs, strict=True)]
    mean = sum(differences) / 5
    deviation = math.sqrt(sum((d - mean) ** 2 for d in differences) / 4)
    t = mean / (deviation / math.sqrt(5))
    assert p_value(mine, theirs) == pytest.approx(2 * stats.t.sf(t, 4), rel=1e-9)
    assert p_value(mine, mine) is None


def test_times_are_relative():
    assert relative_time(LSTM, LSTM, TASKS["latch"], 16) == pytest.approx(1, abs=0.35)
