"""A learned optimiser beside momentum and Adam, each at its best rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from keepgate.meta.problems import Problem
from keepgate.meta.update_rule import UpdateRule

__all__ = ["race"]

RATES = tuple(10 ** (k / 4) for k in range(-16, 3))  # from 1e-4 to 3.2, tried for each rival
TUNED, TESTED = 1, 0  # seeds of the problems that choose a rate, and of those that are compared on

RIVALS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD, momentum 0.9": lambda parameters, rate: torch.optim.SGD(parameters, rate, momentum=0.9),
    "Adam": lambda parameters, rate: torch.optim.Adam(parameters, rate),
}


def race(rule: UpdateRule, problem: Problem, *, count: int = 100, steps: int = 100) -> dict[str, np.ndarray]:
    """Return the mean values on the way of optimisations, [steps + 1] by optimiser; rivals are named with their rates.

    The rate of a rival is the one with the least mean over all steps, of those a quarter of a decade apart, on problems
    of the same kind that are not compared on.

    Args:
        rule: fitted.
        problem: the kind.
        count: of problems.
        steps: of each optimisation.
    """
    means = {"learned": rule.predict(problem, count=count, steps=steps, seed=TESTED).mean(1)}
    for name, make in RIVALS.items():
        tried = [run(make, rate, problem, count, steps, TUNED).mean() for rate in RATES]
        rate = RATES[int(np.argmin(np.nan_to_num(tried, nan=np.inf)))]
        means[f"{name}, rate {rate:.2g}"] = run(make, rate, problem, count, steps, TESTED).mean(1)
    return means


def run(
    make: Callable[..., torch.optim.Optimizer], rate: float, problem: Problem, count: int, steps: int, seed: int
) -> np.ndarray:
    """Return the values [steps + 1, count] on the way of an optimiser of torch; it starts as `UpdateRule.predict`.

    All problems are optimised at once: both rivals treat each number by itself.
    """
    theta, data = problem.draw(count, np.random.default_rng([seed, 2]))
    theta = theta.clone()
    optimizer, values = make([theta], rate), []
    for step in range(steps + 1):
        value, theta.grad = problem.gradient(theta, data, step)
        values.append(value)
        optimizer.step()
    return torch.stack(values).double().numpy()
