"""The search itself, by results that stand in for trainings; parents, hurdles, and what is never tried twice."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from keepgate.cells import get
from keepgate.search.bench import Bench, Job
from keepgate.search.candidate import settle
from keepgate.search.evolution import GENERATION, PRICE, START, Member, Plan, Search, curve, score
from keepgate.search.synthetic import TASKS

TWO = (TASKS["latch"], TASKS["order"])


class Told(Bench):
    """Scores are told by a hash of the equations, but those with a relu are lost."""

    def __init__(self) -> None:
        super().__init__(None, {}, 1)
        self.jobs: list[Job] = []

    def all(self, jobs: Any) -> list[dict[str, Any]]:
        self.jobs += jobs
        return [self.one(job) for job in jobs]

    def one(self, job: Job) -> dict[str, Any]:
        text = job.equations.dumps()
        if '"relu"' in text:
            return {"scores": {"latch": [0.1], "order": []}, "lost": "not finite after 12 updates"}
        levels = np.random.default_rng(zlib.crc32(text.encode())).uniform(0, 0.3, 3).cumsum()
        below = [i for i, hurdle in enumerate(job.hurdles) if levels[i] < hurdle]
        rows = [float(v) for v in levels[: below[0] + 1 if below else 3]]
        return {"scores": {"latch": rows, "order": rows}, "lost": None}


def searched(method: str = "evolution", generations: int = 6, seed: int = 0) -> Search:
    search = Search(Plan(TWO, (0.01, 0.01), 8, (1, 2, 3), seed, method), Told())
    search.begin()
    for _ in range(generations):
        search.step()
    return search


SEARCH = searched()


def test_members_come_in_generations_from_known_cells():
    members = SEARCH.members
    assert [member.name for member in members[: len(START)]] == list(START)
    assert len(members) == len(START) + 6 * GENERATION
    assert [member.number for member in members] == list(range(len(members)))
    assert all(parent < member.number for member in members for parent in member.parents)
    assert all(member.parents and member.how for member in members[len(START) :])


def test_no_cell_is_tried_twice():
    forms = [settle(member.equations.new) for member in SEARCH.members]
    assert len({mark.form for mark in forms}) == len({mark.look for mark in forms}) == len(forms)


def test_the_same_seed_gives_the_same_search_and_another_another():
    texts = [[m.equations.dumps() for m in searched(generations=3, seed=seed).members] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] == [m.equations.dumps() for m in SEARCH.members[: len(texts[0])]]
    assert texts[0] != texts[2]


def test_lost_cells_are_counted_and_rank_last():
    lost = [member for member in SEARCH.members if member.result["lost"]]
    assert lost
    assert SEARCH.turned_down["not finite in training"] == len(lost)
    assert all(member.rank[0] == 0 and member.score == -1.0 for member in lost)
    assert not {m.number for m in lost} & {m.number for m in SEARCH.best(100)}


def test_hurdles_are_what_the_best_third_had():
    found = SEARCH.hurdles()
    for at, hurdle in enumerate(found):
        reached = [member.curve[at] for member in SEARCH.members if len(member.curve) > at]
        assert sum(value >= hurdle for value in reached) / len(reached) == pytest.approx(1 / 3, abs=0.05)


def test_the_best_are_new_cells_that_passed_all():
    best = SEARCH.best(5)
    assert all(member.parents and len(member.curve) == 3 for member in best)
    assert [m.score - m.price for m in best] == sorted((m.score - m.price for m in best), reverse=True)


def test_of_cells_as_good_the_simpler_is_preferred():
    result = {"scores": {"latch": [0.5, 0.6, 0.7]}, "lost": None}
    lstm, peepholes = (Member(0, n, get(n).equations, (), (), result, (1, 2, 3)) for n in ("lstm", "peephole_lstm"))
    assert lstm.score == peepholes.score
    assert lstm.rank > peepholes.rank
    assert peepholes.price - lstm.price == pytest.approx(6 * PRICE)  # three products and three sums


def test_parents_are_better_than_most():
    """What evolution is for: the median rank of parents is in the upper half."""
    members = searched(generations=12).members
    order = {m.number: i for i, m in enumerate(sorted(members, key=lambda m: m.rank))}
    parents = [order[parent] for member in members[len(START) + GENERATION :] for parent in member.parents]
    assert np.median(parents) > 0.6 * len(members)


def test_a_random_search_has_known_cells_alone_as_parents():
    members = searched("random", 3).members
    assert {parent for member in members for parent in member.parents} <= set(range(len(START)))
    assert max(len(member.how) for member in members) > 3


def test_the_lineage_of_a_member():
    member = SEARCH.members[-1]
    line = SEARCH.lineage(member)
    assert line[-1] is member
    numbers = {m.number for m in line}
    assert all(set(m.parents) <= numbers for m in line)
    assert any(not m.parents for m in line)


def test_the_curve_of_a_result_that_broke_off():
    result = {"scores": {"a": [0.1, 0.4], "b": [0.3]}, "lost": None}
    assert curve(result) == [0.2]
    assert score(result, (2, 8)) == 0.2
    assert score({**result, "lost": "x"}, (2, 8)) == -1
    member = Member(0, "", SEARCH.members[0].equations, (), (), result, (2, 8))
    assert member.rank == (1, 0.2 - member.price)
    whole = {"scores": {"a": [0.1, 0.4], "b": [0.3, 0.6]}, "lost": None}
    assert score(whole, (2, 8)) == pytest.approx(0.25 * 0.2 + 0.75 * 0.5)
