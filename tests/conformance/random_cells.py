"""Random cells, and settings for hypothesis: any operations in any order, on domains where they are defined.

A cell is drawn as a recipe: a list of rows (kind, three numbers). Each row adds one value to a pool that begins with
the last states and two affine maps; the numbers say which values of the pool it takes, 0 being the newest. So a
failing cell shrinks to a short recipe.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

import keepgate.equations as eq
from keepgate.equations import Cell, Expression, affine, vector
from keepgate.testing.problems import Setting

__all__ = ["ENDS", "KINDS", "RandomCell", "cells", "settings"]

Row = tuple[str, int, int, int]
LETTERS = {"hidden": "pqr", "unit": "xyz", "input": "jk"}


class _Pool:
    """The values written so far, from which the next one takes its arguments."""

    def __init__(self, x: Expression, last: list[Expression]) -> None:
        self.x, self.last, self.gates, self.names = x, last, 0, 0
        self.new: list[Expression] = []
        self.values = [*last, affine(self.gate(), x, *last[:1]), affine(self.gate(), x, *last)]

    def gate(self) -> str:
        self.gates += 1
        return f"g{self.gates}"

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def at(self, i: int) -> Expression:
        return self.values[-1 - i % len(self.values)]

    def wide(self, i: int) -> Expression:
        """Return one of the values that have units."""
        wide = [value for value in self.values if value.width == "hidden"]
        return wide[-1 - i % len(wide)]

    def state(self, i: int) -> Expression:
        return self.last[i % len(self.last)]

    def given(self, k: int) -> Expression:
        return eq.step_input(self.name("t"), ("unit", "hidden")[k % 2])

    def map(self, source: Expression, letter: int, *others: Expression, bias: bool = True) -> Expression:
        letters = LETTERS[str(source.width)]
        return affine(self.gate(), *others, bias=bias, **{letters[letter % len(letters)]: source})

    def split(self, i: int) -> Expression:
        """One gate in two maps, as the candidate of the GRU."""
        gate = self.gate()
        return affine(gate, self.x) + self.at(i) * affine(gate, self.last[0], bias=bool(i % 2))


KINDS: dict[str, Callable[[_Pool, int, int, int], Expression]] = {
    "add": lambda p, i, j, k: p.at(i) + p.at(j),
    "subtract": lambda p, i, j, k: p.at(i) - p.at(j),
    "multiply": lambda p, i, j, k: p.at(i) * p.at(j),
    "divide": lambda p, i, j, k: p.at(i) / (1 + eq.absolute(p.at(j))),
    "negative": lambda p, i, j, k: -p.at(i),
    "scale": lambda p, i, j, k: 0.25 * k * p.at(i) - 0.5 * j,
    "sigmoid": lambda p, i, j, k: eq.sigmoid(p.at(i)),
    "tanh": lambda p, i, j, k: eq.tanh(p.at(i)),
    "exp": lambda p, i, j, k: eq.exp(eq.tanh(p.at(i))),
    "log": lambda p, i, j, k: eq.log(0.5 + eq.softplus(p.at(i))),
    "sqrt": lambda p, i, j, k: eq.sqrt(0.1 + eq.softplus(p.at(i))),
    "softplus": lambda p, i, j, k: eq.softplus(p.at(i)),
    "relu": lambda p, i, j, k: eq.relu(p.at(i)),
    "absolute": lambda p, i, j, k: eq.absolute(p.at(i)),
    "minimum": lambda p, i, j, k: eq.minimum(p.at(i), p.at(j)),
    "maximum": lambda p, i, j, k: eq.maximum(p.at(i), p.at(j)),
    "where": lambda p, i, j, k: eq.where(p.at(i) < p.at(j), p.at(j), p.at(k)),
    "mean": lambda p, i, j, k: eq.mean(p.wide(i)),
    "normalize": lambda p, i, j, k: eq.normalize(p.map(p.last[-1], k, p.x)),
    "size": lambda p, i, j, k: p.at(i) * (eq.size("hidden") / 8 - k),
    "vector": lambda p, i, j, k: vector(p.name("v"), 0.5) * p.at(i),
    "step_input": lambda p, i, j, k: p.given(k) * p.at(i),
    "sum of states": lambda p, i, j, k: p.state(i) + p.state(j),
    "difference of states": lambda p, i, j, k: p.state(i) - p.state(j),
    "sum of state and step input": lambda p, i, j, k: p.state(i) + p.given(k),
    "difference of step input and state": lambda p, i, j, k: p.given(k) - p.state(i),
    "bernoulli": lambda p, i, j, k: eq.bernoulli(p.name("n"), 0.5, per=("step", "sequence")[k % 2]) * p.at(i),
    "map": lambda p, i, j, k: p.map(p.at(i), k, bias=bool(j % 2)),
    "map with x": lambda p, i, j, k: p.map(p.at(i), k, p.x),
    "map of tanh x": lambda p, i, j, k: p.map(eq.tanh(p.x), k, p.last[0]),
    "split": lambda p, i, j, k: p.split(i),
}

ENDS: dict[str, Callable[[_Pool, int, int, int], Expression]] = {
    "squashed": lambda p, i, j, k: eq.tanh(p.wide(i)),
    "mixed": lambda p, i, j, k: eq.sigmoid(p.at(i)) * p.state(k) + 0.5 * eq.tanh(p.at(j)),
    "softsign": lambda p, i, j, k: p.wide(i) / (1 + eq.absolute(p.at(i))),
    "shifted": lambda p, i, j, k: p.state(k),
    "sum": lambda p, i, j, k: p.state(i) + p.state(j),
    "difference": lambda p, i, j, k: p.state(i) - p.state(j),
    "with step input": lambda p, i, j, k: p.state(i) + p.given(1),
    "twice": lambda p, i, j, k: p.new[i % len(p.new)] if p.new else eq.tanh(p.wide(j)),
    "opposite": lambda p, i, j, k: -p.new[i % len(p.new)] if p.new else eq.tanh(p.wide(j)),
}


class RandomCell(Cell):
    """A cell written from a recipe; `ends` has one row for each state."""

    def __init__(self, recipe: list[Row], ends: list[Row]) -> None:
        self.recipe, self.ends = recipe, ends
        self.state = ("h", "c", "m")[: len(ends)]

    def step(self, x, last):
        pool = _Pool(x, [getattr(last, state) for state in self.state])
        for kind, *picks in self.recipe:
            pool.values.append(KINDS[kind](pool, *picks))
        for kind, *picks in self.ends:
            pool.new.append(ENDS[kind](pool, *picks))
        return self.State(**dict(zip(self.state, pool.new, strict=True)))


def _rows(kinds: dict[str, object]) -> st.SearchStrategy[Row]:
    pick = st.integers(0, 9)
    return st.tuples(st.sampled_from(sorted(kinds)), pick, pick, pick)


def cells(rows: int = 12) -> st.SearchStrategy[RandomCell]:
    """Draw cells of one to three states and up to ``rows`` values."""
    recipes = st.integers(0, rows).flatmap(lambda n: st.lists(_rows(KINDS), min_size=n, max_size=n))
    return st.builds(RandomCell, recipes, st.lists(_rows(ENDS), min_size=1, max_size=3))


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    """Draw sizes, and whether there are lengths, resets, a walk backwards, biases and contiguous tensors."""
    steps, batch = draw(st.integers(0, 4)), draw(st.integers(1, 3))
    lengths = st.tuples(*[st.integers(0, steps)] * batch)
    whole = draw(st.booleans())
    return Setting(
        steps=steps,
        batch=batch,
        inputs=draw(st.integers(1, 5)),
        hidden=draw(st.integers(1, 9)),
        lengths=None if whole else draw(st.none() | lengths),
        resets=False if whole else draw(st.booleans()),
        reverse=draw(st.booleans()),
        bias=draw(st.booleans()),
        strided=draw(st.booleans()),
    )
