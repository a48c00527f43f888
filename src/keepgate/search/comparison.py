"""Cells beside each other on tasks that chose none of them: equal updates, weights and search of the learning rate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keepgate.equations import Equations
from keepgate.search.bench import Bench, Job
from keepgate.search.tasks import Task

__all__ = ["BESIDE", "Comparison", "Contender", "compare", "p_value", "relative_time"]

BESIDE = ("lstm", "lstm, forget bias 1", "gru", "mut1")
RATE_SEED, SEEDS = 100, tuple(range(101, 106))  # of the choice of a rate, and of the scores
ALL = "all"
TURNS, STEPS = 15, 10  # of a measured time, alternated; training steps of a turn


@dataclass(frozen=True)
class Contender:
    """A cell to compare.

    Attributes:
        name: of it.
        equations: of it.
        forget_bias: where its forget gate begins.
    """

    name: str
    equations: Equations
    forget_bias: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Scores by contender and task, one a seed; and the rate that suits each best.

    Attributes:
        scores: by contender and task; a training that came to nothing counts -1.
        rates: by contender and task.
    """

    scores: Mapping[str, Mapping[str, Sequence[float]]]
    rates: Mapping[str, Mapping[str, float]]

    def means(self, name: str) -> list[float]:
        """Return the mean score over tasks, one a seed."""
        return [statistics.fmean(row) for row in zip(*self.scores[name].values(), strict=True)]

    def p_value(self, name: str, other: str = "lstm", task: str | None = None) -> float | None:
        """Return how likely so great a difference is by chance: a paired t-test over the seeds, on both sides."""
        mine, theirs = (self.means(n) if task is None else self.scores[n][task] for n in (name, other))
        return p_value(mine, theirs)

    def rows(self) -> list[dict[str, object]]:
        """Return a table: for each contender the mean score on each task, and the mean of all against the LSTM's."""
        table = []
        for name, scores in self.scores.items():
            means = self.means(name)
            row: dict[str, object] = {"cell": name}
            row |= {task: f"{statistics.fmean(s):.4f} ± {statistics.stdev(s):.4f}" for task, s in scores.items()}
            row |= {ALL: f"{statistics.fmean(means):.4f} ± {statistics.stdev(means):.4f}"}
            p = None if name == "lstm" else self.p_value(name)
            row["p against lstm"] = "" if p is None else f"{p:.2g}"
            wins = sum(a > b for a, b in zip(means, self.means("lstm"), strict=True))
            row["seeds better than lstm"] = "" if name == "lstm" else f"{wins} of {len(means)}"
            row["learning rates"] = ", ".join(f"{rate:g}" for rate in self.rates[name].values())
            table.append(row)
        return table


def p_value(mine: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return the p of a paired t-test; None where all differences are the same, and there is nothing to test."""
    from scipy.stats import ttest_rel

    difference = np.subtract(mine, theirs)
    if np.ptp(difference) == 0:
        return None
    return float(ttest_rel(mine, theirs).pvalue)


def compare(
    bench: Bench,
    contenders: Sequence[Contender],
    tasks: Sequence[Task],
    size: int,
    updates: int,
    rates: Sequence[float],
) -> Comparison:
    """Train every contender on every task: once with each rate, then with the best of them for five other seeds."""
    pairs = [(contender, task) for contender in contenders for task in tasks]

    def job(contender: Contender, task: Task, rate: float, seed: int) -> Job:
        return Job(contender.equations, (task,), (rate,), size, seed, (updates,), (), contender.forget_bias)

    def scored(jobs: Sequence[Job]) -> list[float]:
        results = bench.all(jobs)
        return [-1.0 if r["lost"] else r["scores"][j.tasks[0].name][-1] for r, j in zip(results, jobs, strict=True)]

    tried = scored([job(*pair, rate, RATE_SEED) for pair in pairs for rate in rates])
    best = [rates[int(np.argmax(tried[i : i + len(rates)]))] for i in range(0, len(tried), len(rates))]
    found = scored([job(*pair, rate, seed) for pair, rate in zip(pairs, best, strict=True) for seed in SEEDS])
    scores: dict[str, dict[str, list[float]]] = {contender.name: {} for contender in contenders}
    chosen: dict[str, dict[str, float]] = {contender.name: {} for contender in contenders}
    for i, ((contender, task), rate) in enumerate(zip(pairs, best, strict=True)):
        scores[contender.name][task.name] = found[i * len(SEEDS) : (i + 1) * len(SEEDS)]
        chosen[contender.name][task.name] = rate
    return Comparison(scores, chosen)


def relative_time(equations: Equations, other: Equations, task: Task, size: int) -> float:
    """Return the processor time of a training step of a cell, as a multiple of another's with as many weights.

    Both train by turns in this process, on one thread; it is the median of the turns' ratios.
    """
    import torch

    from keepgate.search.trial import Trial, weights

    wanted, threads = weights(other, task.inputs, size), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratios = []
        for seed in range(TURNS):
            times = []
            for each in (equations, other):
                trial = Trial(each, task, wanted, 1e-3, seed).scores((1, 1 + STEPS))
                next(trial)
                begin = time.process_time()
                next(trial)
                times.append(time.process_time() - begin)
            ratios.append(times[0] / times[1])
    finally:
        torch.set_num_threads(threads)
    return statistics.median(ratios)
