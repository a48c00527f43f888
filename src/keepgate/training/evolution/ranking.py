"""Fitness by rank: what an individual is worth depends on the order alone, so on no scale; equals get the same."""

from __future__ import annotations

import numpy as np

__all__ = ["best_first", "centered_ranks", "utilities"]


def best_first(fitness: np.ndarray) -> np.ndarray:
    """Return the individuals [P] from the best to the worst; of equal ones the earlier first."""
    return np.argsort(-fitness, kind="stable")


def utilities(fitness: np.ndarray) -> np.ndarray:
    """Return the utilities of natural evolution strategies [P], whose sum is 0.

    The best half counts, the k-th best by max(0, log(P/2 + 1) - log k), scaled to the sum 1, less 1/P
    (Wierstra et al. 2014, "Natural Evolution Strategies").
    """
    count = len(fitness)
    by_rank = np.maximum(0.0, np.log(count / 2 + 1) - np.log(np.arange(1, count + 1)))
    return _by_rank(fitness, by_rank / by_rank.sum() - 1 / count)


def centered_ranks(fitness: np.ndarray) -> np.ndarray:
    """Return ranks [P] from 0.5 for the best to -0.5 for the worst (Salimans et al. 2017)."""
    return _by_rank(fitness, np.linspace(0.5, -0.5, len(fitness)))


def _by_rank(fitness: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the k-th value for the k-th best individual; equal ones share the mean of theirs."""
    given = np.empty(len(fitness))
    given[best_first(fitness)] = values
    _, group = np.unique(fitness, return_inverse=True)
    return (np.bincount(group, given) / np.bincount(group))[group]
