"""Cells written in several ways, and random candidates, for the tests of the search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keepgate import cells
from keepgate.equations import Cell, Expression, affine, sigmoid, tanh, vector
from keepgate.search.candidate import Candidate, settle
from keepgate.search.evolution import START
from keepgate.search.mutations import Draw, mutate
from keepgate.search.rules import Unfit

__all__ = ["PAIRS", "candidates", "graph"]


def graph(cell: str | type[Cell]) -> dict[str, Expression]:
    return cells.get(cell).equations.new


def candidates(seed: int, count: int, times: int = 3) -> Iterator[Candidate]:
    """Children of the known cells, and their children."""
    draw, pool = Draw(np.random.default_rng(seed)), [graph(name) for name in START]
    while count:
        try:
            child = settle(mutate(draw.one(pool), draw, int(draw.random.integers(1, times + 1)))[0])
        except Unfit:
            continue
        pool.append(child.equations.new)
        count -= 1
        yield child


class Plain(Cell):
    """A GRU whose reset gate scales the last state."""

    def step(self, x, last):
        r = sigmoid(affine("r", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, m=r * last.h))
        return self.State(h=(1 - z) * n + z * last.h)


class Renamed(Cell):
    def step(self, x, last):
        update = sigmoid(affine("update", last.h, x))
        new = tanh(affine("new", q=last.h * sigmoid(affine("reset", x, last.h))) + affine("other", x))
        return self.State(h=update * last.h + new * (1 - update))


class Factored(Cell):
    """It computes the same, by other operations."""

    def step(self, x, last):
        r = sigmoid(affine("r", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, m=r * last.h))
        return self.State(h=n + z * (last.h - n))


class Other(Cell):
    """The gate is not read the same way."""

    def step(self, x, last):
        r = sigmoid(affine("r", x, last.h))
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, m=z * last.h))
        return self.State(h=(1 - z) * n + r * last.h)


class Tied(Cell):
    """One gate in the place of two."""

    def step(self, x, last):
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, m=z * last.h))
        return self.State(h=(1 - z) * n + z * last.h)


class States(Cell):
    """An LSTM with peepholes."""

    state = ("h", "c")

    def step(self, x, last):
        i = sigmoid(affine("i", x, last.h) + vector("p") * last.c)
        f = sigmoid(affine("f", x, last.h))
        c = f * last.c + i * tanh(affine("g", x))
        return self.State(h=tanh(c) * f, c=c)


class StatesRenamed(Cell):
    """The same, with another name for the memory and a state that nothing reads."""

    state = ("h", "idle", "memory")

    def step(self, x, last):
        f = sigmoid(affine("b", last.h, x))
        g = tanh(affine("a", x))
        memory = sigmoid(last.memory * vector("q") + affine("k", x, last.h)) * g + last.memory * f
        return self.State(h=f * tanh(memory), idle=last.idle + f, memory=memory)


PAIRS = {  # (one, other, whether the form is the same, whether they are the same)
    "names and order": (Plain, Renamed, True, True),
    "other operations": (Plain, Factored, False, True),
    "another cell": (Plain, Other, False, False),
    "tied gates": (Plain, Tied, False, False),
    "states": (States, StatesRenamed, True, True),
    "gru and its published form": ("gru", "gru_cho", False, False),
    "gru_cho of the house": (Plain, "gru_cho", True, True),
}
