"""The search: mutate what did well, try it briefly, and train on only what keeps up.

Ageing evolution (Real, Aggarwal, Huang & Le 2019, "Regularized Evolution for Image Classifier Architecture Search"):
the parent of a child is the best of a few members drawn from the youngest, so that nobody lives on by one lucky score.
Children train up to a hurdle, the score that the best third of all reached there, and only who passes it goes on
(successive halving, Jamieson & Talwalkar 2016; its asynchronous form, Li et al. 2020, has hurdles of this kind).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keepgate import cells
from keepgate.equations import Equations
from keepgate.equations.expression import topological
from keepgate.search.bench import Bench, Job, Result
from keepgate.search.candidate import Candidate, settle
from keepgate.search.mutations import Draw, cross, mutate
from keepgate.search.rules import Unfit
from keepgate.search.tasks import Task

__all__ = ["METHODS", "START", "Member", "Plan", "Search", "curve", "score"]

START = ("lstm", "gru", "mut1", "gru_cho", "peephole_lstm", "coupled_lstm", "rnn", "multiplicative_lstm")
GENERATION = 8  # children that are tried together
YOUNGEST = 32  # members that may be parents
DRAWN = 8  # of them, the best of which is a parent
PASS = 1 / 3  # of all that reach a hurdle
MOST_MUTATIONS = {"evolution": 3, "random": 8}
CROSSED = 0.15  # share of children with two parents
PRICE = 0.001  # of a value that a step computes, in scores: what a cell gains by it has to be more than chance
WORST = -1.0
TRIES = 2_000  # for one child that is new
METHODS = tuple(MOST_MUTATIONS)


@dataclass(frozen=True)
class Plan:
    """What a search is to do.

    Attributes:
        tasks: that it chooses by.
        rates: of learning, by task: those that suit the LSTM best.
        size: units of an LSTM with as many weights as every cell has.
        updates: at which cells are judged.
        seed: of all that is random.
        method: "evolution", or "random": children of the known cells alone, by up to eight mutations.
    """

    tasks: tuple[Task, ...]
    rates: tuple[float, ...]
    size: int
    updates: tuple[int, ...]
    seed: int
    method: str = "evolution"

    def job(self, equations: Equations, hurdles: tuple[float, ...] = (), seed: int | None = None) -> Job:
        """Return the job of training a cell on all tasks."""
        own = self.seed if seed is None else seed
        return Job(equations, self.tasks, self.rates, self.size, own, self.updates, hurdles)


@dataclass(frozen=True)
class Member:
    """A cell that was tried.

    Attributes:
        number: the order in which members came, from 0.
        name: of a known cell; else "cell" and the number.
        equations: of the cell.
        parents: their numbers.
        how: the mutations that led here.
        result: of its trial.
        updates: at which it was judged, as far as it came.
    """

    number: int
    name: str
    equations: Equations
    parents: tuple[int, ...]
    how: tuple[str, ...]
    result: Result = field(repr=False)
    updates: tuple[int, ...] = ()

    @property
    def curve(self) -> list[float]:
        """The mean score over tasks after each number of updates."""
        return curve(self.result)

    @property
    def score(self) -> float:
        """The mean score while it was trained: how well it learns, and how soon."""
        return score(self.result, self.updates)

    @property
    def price(self) -> float:
        """The price of what a step computes, so that of cells that are as good the simpler one is preferred."""
        return PRICE * sum(bool(node.args) for node in topological(self.equations.new.values()))

    @property
    def rank(self) -> tuple[int, float]:
        """What members are compared by: how far they came, then their score less the price."""
        return (0 if self.result["lost"] else len(self.curve)), self.score - self.price


def curve(result: Result) -> list[float]:
    """Return the mean score over tasks after each number of updates that all tasks came to."""
    return [float(np.mean(scores)) for scores in zip(*result["scores"].values(), strict=False)]


def score(result: Result, updates: Sequence[int]) -> float:
    """Return the mean of the curve, each score counting for the updates that led to it; -1 for one that is lost."""
    if result["lost"]:
        return WORST
    values = curve(result)
    return float(np.average(values, weights=np.diff([0, *updates])[: len(values)]))


class Search:
    """Members, how they came about, and what was turned down.

    Attributes:
        members: in their order.
        turned_down: how many children were, by reason; a child that equals a member is "seen before".
    """

    def __init__(self, plan: Plan, bench: Bench):
        self.plan, self.bench = plan, bench
        self.members: list[Member] = []
        self.turned_down: Counter[str] = Counter()
        self.generation = 0
        self._seen: set[str] = set()

    def begin(self) -> None:
        """Try the known cells, without hurdles."""
        for name in START:
            known = settle(cells.get(name).equations.new)
            self._seen |= {known.form, known.look}
        equations = [cells.get(name).equations for name in START]
        results = self.bench.all([self.plan.job(each) for each in equations])
        for name, own, result in zip(START, equations, results, strict=True):
            self._add(name, own, (), (), result)

    def step(self) -> None:
        """Try one generation of children."""
        self.generation += 1
        draw = Draw(np.random.default_rng([self.plan.seed, self.generation]))
        children = [self._child(draw) for _ in range(GENERATION)]
        hurdles = self.hurdles()
        results = self.bench.all([self.plan.job(child.equations, hurdles) for child, _, _ in children])
        for (child, parents, how), result in zip(children, results, strict=True):
            if result["lost"]:
                self.turned_down[result["lost"].partition(" after")[0] + " in training"] += 1
            self._add(None, child.equations, parents, how, result)

    def hurdles(self) -> tuple[float, ...]:
        """Return the score that the best third of all members had at each number of updates but the last."""
        curves = [member.curve for member in self.members]
        reached = ([curve[at] for curve in curves if len(curve) > at] for at in range(len(self.plan.updates) - 1))
        return tuple(float(np.quantile(scores, 1 - PASS)) if scores else WORST for scores in reached)

    def best(self, count: int) -> list[Member]:
        """Return the best members that were not known before."""
        whole = [m for m in self.members if m.parents and m.rank[0] == len(self.plan.updates)]
        return sorted(whole, key=lambda member: (-member.rank[1], member.number))[:count]

    def lineage(self, member: Member) -> list[Member]:
        """Return a member and all its ancestors, in their order."""
        found, open_ = {member.number}, [member]
        while open_:
            for parent in open_.pop().parents:
                if parent not in found:
                    found.add(parent)
                    open_.append(self.members[parent])
        return [self.members[number] for number in sorted(found)]

    def _add(self, name: str | None, equations: Equations, parents: Any, how: Any, result: Result) -> None:
        number = len(self.members)
        name = name or f"cell {number}"
        updates = self.plan.updates
        self.members.append(Member(number, name, equations, tuple(parents), tuple(how), result, updates))

    def _child(self, draw: Draw) -> tuple[Candidate, tuple[int, ...], tuple[str, ...]]:
        """Return a child that is fit and new, its parents, and what was done to them."""
        for changed, parents, how in self._tries(draw):
            try:
                child = settle(changed(), "Found")
            except Unfit as error:
                self.turned_down[str(error)] += 1
                continue
            if self._seen & {child.form, child.look}:
                self.turned_down["seen before"] += 1
                continue
            self._seen |= {child.form, child.look}
            return child, parents, tuple(how)
        raise AssertionError(f"no new cell in {TRIES} tries")

    def _tries(self, draw: Draw) -> Iterator[tuple[Callable[[], Any], tuple[int, ...], list[str]]]:
        for _ in range(TRIES):
            parent, how = self._parent(draw), []
            if self.plan.method == "evolution" and draw.random.random() < CROSSED:
                other = self._parent(draw)
                both = (parent.number, other.number) if other is not parent else (parent.number,)
                yield lambda a=parent, b=other: cross(a.equations.new, b.equations.new, draw), both, ["crossing"]
                continue
            times = int(draw.random.integers(1, MOST_MUTATIONS[self.plan.method] + 1))

            def changed(parent: Member = parent, times: int = times, how: list[str] = how) -> Any:
                graph, done = mutate(parent.equations.new, draw, times)
                how += done
                return graph

            yield changed, (parent.number,), how

    def _parent(self, draw: Draw) -> Member:
        if self.plan.method == "random":
            return self.members[int(draw.random.integers(len(START)))]
        youngest = self.members[-YOUNGEST:]
        drawn = draw.random.integers(0, len(youngest), DRAWN)
        return max((youngest[i] for i in drawn), key=lambda member: (member.rank, -member.number))
