"""`search_cell`: search for a cell, choose one, and judge it on tasks that it was not chosen on."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import cells, schema
from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.search.bench import Bench, Job
from keepgate.search.comparison import BESIDE, SEEDS, Comparison, Contender, compare, relative_time
from keepgate.search.evolution import METHODS, Member, Plan, Search, score
from keepgate.search.progress import Progress
from keepgate.search.tasks import HELD_OUT, Task, mark, tasks

__all__ = ["CHOSEN_ON", "RATES", "UNITS", "UPDATES", "Found", "search_cell"]

CHOSEN_ON = ("adding", "order", "copy", "arithmetic")
UPDATES = (100, 300, 900)
RATES = (0.003, 0.01, 0.03)
UNITS = 24
FINALISTS, FINAL_SEEDS = 6, (1, 2, 3)  # who is trained anew before the choice, and with which seeds
BESIDE_CHOSEN = ("brackets", "latch")  # on which finalists are trained, too: what grew on few tasks may suit no others
LARGE = 128  # units of the LSTM beside which speed is measured, too
LEAST_SHARE = 0.2  # of the time, for the search itself
SIGNIFICANT = 0.05
NAME = "found"


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        equations: of the cell; a `Cell` of them is `keepgate.cells.get(found.equations)`.
        member: its place in the search.
        finalists: the best members with their mean scores over fresh seeds, best first; the first is the cell.
        search: all members, and what was turned down.
        comparison: on the held-out tasks, of "found" and `BESIDE`.
        times: of a training step, as a multiple of that of the LSTM of so many units, with as many weights.
        facts: what was searched, and how.
    """

    equations: Equations
    member: Member
    finalists: Sequence[tuple[Member, float]]
    search: Search
    comparison: Comparison
    times: Mapping[int, float]
    facts: Mapping[str, Any]

    @property
    def is_better(self) -> bool:
        """Whether the cell explains more than the LSTM on the held-out tasks, p < 0.05."""
        mine, lstm, p = *self._means(), self.comparison.p_value(NAME)
        return p is not None and p < SIGNIFICANT and statistics.fmean(mine) > statistics.fmean(lstm)

    @property
    def verdict(self) -> str:
        """What came out, in one sentence."""
        mine, lstm = self._means()
        p = self.comparison.p_value(NAME)
        wins = sum(a > b for a, b in zip(mine, lstm, strict=True))
        said = "is better than lstm" if self.is_better else "was not shown to be better than lstm"
        steps = " and ".join(f"{ratio:.2f} ({units} units)" for units, ratio in self.times.items())
        return (
            f"the cell {said} on tasks that it was not chosen on: {statistics.fmean(mine):.4f} against "
            f"{statistics.fmean(lstm):.4f} of the loss explained, higher with {wins} of {len(mine)} seeds, "
            f"p = {'1' if p is None else f'{p:.2g}'}; a training step takes {steps} of lstm's time"
        )

    def _means(self) -> tuple[list[float], list[float]]:
        return self.comparison.means(NAME), self.comparison.means("lstm")


def search_cell(
    chosen_on: Sequence[str | Task] = CHOSEN_ON,
    *,
    held_out: Sequence[str | Task] = HELD_OUT,
    minutes: float = 30.0,
    generations: int | None = None,
    method: str = "evolution",
    updates: Sequence[int] = UPDATES,
    units: int = UNITS,
    seed: int = 0,
    processes: int = 1,
    run: str | Path | None = None,
    progress: bool = False,
) -> Found:
    """Search for a recurrent cell among equations.

    Known cells are changed by mutations; every candidate is trained by Adam, with as many weights as an LSTM of `units`
    units, at the rate that suits the LSTM best. The best are trained anew with other seeds, one is chosen, and is
    compared with LSTM, GRU and MUT1 on the held-out tasks: equal updates and weights, and a rate searched for each.

    Args:
        chosen_on: tasks that cells are chosen on: names, paths of CSV files, or objects like `keepgate.search.Task`.
        held_out: tasks to judge the chosen cell by.
        minutes: for all; the search ends early enough for what comes after it.
        generations: of eight cells at most (None: as many as there is time for).
        method: "evolution" or "random".
        updates: numbers of training steps at which cells are judged; each but the last is a hurdle.
        units: of the LSTM whose number of weights all cells have.
        seed: of all that is random.
        processes: that train; the result is the same. A script that asks for more than one has to call this below
            `if __name__ == "__main__":`, as Python's `multiprocessing` needs it.
        run: folder of the journal; the same call goes on where a killed one stopped.
        progress: whether to show how far it is.

    Raises:
        InputError: an argument is out of range, a task is unknown or draws what it should not, the folder holds another
            search, or no cell came through.
    """
    CHECK("search", {"minutes": minutes, "generations": generations, "method": method, "units": units, "seed": seed})
    CHECK_ALL("search", {"processes": processes, "updates": tuple(updates)})
    if list(updates) != sorted(set(updates)):
        raise InputError(f"updates={tuple(updates)} have to grow")
    both = tasks([*chosen_on, *held_out])
    chosen, judged = both[: len(chosen_on)], both[len(chosen_on) :]
    beside = tasks([name for name in BESIDE_CHOSEN if name not in {task.name for task in both}])
    if not chosen or not judged:
        raise InputError("a search needs a task to choose cells on, and another to judge the chosen one by")
    facts = {
        "chosen on": [task.name for task in chosen],
        "chosen among the best on": [task.name for task in (*chosen, *beside)],
        "judged on": [task.name for task in judged],
        "method": method,
        "updates": list(updates),
        "units": units,
        "seed": seed,
        "generations": generations,
    }
    about = {**facts, "version": 2, "draws": [mark(task) for task in (*both, *beside)]}
    with (
        Progress(60 * minutes, progress) as shown,
        Bench(None if run is None else Path(run), about, processes, shown.show) as bench,
    ):
        shown.say("learning rates")
        search = Search(_plan(bench, chosen, units, tuple(updates), seed, method), bench)
        last = _plan(bench, [*chosen, *beside], units, tuple(updates), seed, method)
        each = bench.fact("seconds of a training", lambda: bench.spent / (len(RATES) * len(last.tasks)))
        after = FINALISTS * len(FINAL_SEEDS) * len(last.tasks)
        after += (len(BESIDE) + 1) * (len(RATES) + len(SEEDS)) * len(judged)
        end = max(60 * minutes - each * after, LEAST_SHARE * 60 * minutes)
        shown.say("known cells")
        search.begin()
        while search.generation != generations and _goes_on(bench, search.generation, end):
            search.step()
            top = max(search.members, key=lambda member: member.rank)
            shown.say(f"generation {search.generation}, {len(search.members)} cells, best {top.score:.3f}")
        shown.say("choice of one of the best")
        finalists = _finalists(search, last, bench)
        member = finalists[0][0]
        shown.say("comparison on held-out tasks")
        lstm = cells.get("lstm").equations
        contenders = [Contender(NAME, member.equations), *map(_beside, BESIDE)]
        comparison = compare(bench, contenders, judged, units, updates[-1], RATES)
        times = {
            size: bench.fact(f"time beside {size}", lambda s=size: relative_time(member.equations, lstm, chosen[0], s))
            for size in (units, LARGE)
        }
    return Found(member.equations, member, finalists, search, comparison, times, facts)


NUMBERS = schema.several(schema.whole(1, 10_000_000), least=1, most=10)
CHECK = schema.record(
    minutes=schema.number(1e-3, 1e6),
    generations=schema.optional(schema.whole(1, 1_000_000)),
    method=schema.choice(METHODS),
    units=schema.whole(2, 256),
    seed=schema.whole(0, 2**31),
)
CHECK_ALL = schema.record(processes=schema.whole(1, 1024), updates=NUMBERS)


def _plan(bench: Bench, chosen: Sequence[Task], units: int, updates: tuple[int, ...], seed: int, method: str) -> Plan:
    """Return the plan, with the rate that suits the LSTM best on each task."""
    lstm = cells.get("lstm").equations
    jobs = [Job(lstm, (task,), (rate,), units, seed, updates) for task in chosen for rate in RATES]
    found = [score(result, updates) for result in bench.all(jobs)]
    rates = tuple(RATES[int(np.argmax(found[i : i + len(RATES)]))] for i in range(0, len(found), len(RATES)))
    return Plan(tuple(chosen), rates, units, updates, seed, method)


def _goes_on(bench: Bench, generation: int, end: float) -> bool:
    """Return whether there is time for another generation; the clock is asked once, a search that goes on remembers."""
    return bench.fact(f"goes on after {generation}", lambda: generation == 0 or bench.spent < end)


def _finalists(search: Search, plan: Plan, bench: Bench) -> list[tuple[Member, float]]:
    """Train the best members anew by a plan with fresh seeds, and return them with their scores, best first.

    They are ordered by their score less their price.

    Raises:
        InputError: there is none.
    """
    best = search.best(FINALISTS)
    if not best:
        raise InputError("no new cell came through all hurdles; give more minutes or generations")
    seeds = [plan.seed + own for own in FINAL_SEEDS]
    results = bench.all([plan.job(member.equations, seed=seed) for member in best for seed in seeds])
    trained = [score(result, plan.updates) for result in results]
    scores = [statistics.fmean(trained[i : i + len(seeds)]) for i in range(0, len(trained), len(seeds))]
    return sorted(zip(best, scores, strict=True), key=lambda pair: (pair[0].price - pair[1], pair[0].number))


def _beside(name: str) -> Contender:
    cell, _, biased = name.partition(", forget bias ")
    return Contender(name, cells.get(cell).equations, float(biased) if biased else None)
