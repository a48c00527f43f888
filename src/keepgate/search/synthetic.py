"""Small tasks of known difficulty, drawn anew for each batch: a function each, and a row of `TASKS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from keepgate.search.tasks import Batch

__all__ = ["TASKS", "Drawn"]

STEPS = 30


@dataclass(frozen=True)
class Drawn:
    """A task whose sequences are drawn; held-out ones are others because their generator is another."""

    name: str
    inputs: int
    outputs: int
    classes: bool
    function: Callable[[int, Generator], Batch]

    def draw(self, count: int, random: Generator, held_out: bool) -> Batch:
        """Return so many sequences."""
        return self.function(count, random)


def _one_hot(symbols: np.ndarray, size: int) -> np.ndarray:
    return np.eye(size, dtype=np.float32)[symbols]


def _at_end(x: np.ndarray, target: np.ndarray) -> Batch:
    """Return sequences that are judged at their last step; target [B] or [B, O]."""
    steps, count = x.shape[:2]
    mask = np.zeros((steps, count), bool)
    mask[-1] = True
    return Batch(x.astype(np.float32), np.broadcast_to(target, (steps, *target.shape)), mask)


def adding(count: int, random: Generator) -> Batch:
    """Two of thirty numbers are marked, one in each half; their sum is wanted at the end."""
    values, marks = random.uniform(-1, 1, (STEPS, count)), np.zeros((STEPS, count))
    rows = np.arange(count)
    first, second = random.integers(0, STEPS // 2, count), random.integers(STEPS // 2, STEPS, count)
    marks[first, rows] = marks[second, rows] = 1
    total = (values[first, rows] + values[second, rows])[:, None].astype(np.float32)
    return _at_end(np.stack([values, marks], 2), total)


def order(count: int, random: Generator) -> Batch:
    """Among letters a to d stand two of X and Y; the class is which of them, in order."""
    symbols, rows = random.integers(0, 4, (STEPS, count)), np.arange(count)
    letters = random.integers(0, 2, (2, count))
    for letter, start in zip(letters, (2, 12), strict=True):
        symbols[random.integers(start, start + 7, count), rows] = 4 + letter
    return _at_end(_one_hot(symbols, 6), 2 * letters[0] + letters[1])


def copy(count: int, random: Generator) -> Batch:
    """Four of four letters, ten blanks, then a sign to say them again."""
    size, delay = 4, 10
    letters = random.integers(0, 4, (size, count))
    symbols = np.concatenate([letters, np.full((delay, count), 4), np.full((size, count), 5)])
    target, mask = np.zeros_like(symbols), np.zeros(symbols.shape, bool)
    target[-size:], mask[-size:] = letters, True
    return Batch(_one_hot(symbols, 6), target, mask)


ARITHMETIC = "0123456789+=. "


def arithmetic(count: int, random: Generator) -> Batch:
    """Add two numbers below a hundred, the lowest digit first; the digits of the result are judged."""
    numbers = random.integers(0, 100, (2, count))
    texts = [f"{a:02d}"[::-1] + "+" + f"{b:02d}"[::-1] + "=" + f"{a + b:03d}"[::-1] + "." for a, b in numbers.T]
    symbols = np.array([[ARITHMETIC.index(letter) for letter in text] for text in texts]).T
    mask = np.zeros(symbols[1:].shape, bool)
    mask[5:8] = True  # what follows "=" and its digits
    return Batch(_one_hot(symbols[:-1], len(ARITHMETIC)), symbols[1:], mask)


def brackets(count: int, random: Generator) -> Batch:
    """Nested parentheses of three kinds; wherever one closes next, its kind is wanted."""
    kinds, deepest = 3, 6
    symbols, target = np.zeros((STEPS, count), np.int64), np.zeros((STEPS, count), np.int64)
    mask, rows = np.zeros((STEPS, count), bool), np.arange(count)
    stack, depth = np.zeros((deepest, count), np.int64), np.zeros(count, np.int64)
    for step in range(STEPS):
        closes = (depth == deepest) | ((depth > 0) & (random.random(count) < 0.5))
        kind = random.integers(0, kinds, count)
        top = stack[np.maximum(depth - 1, 0), rows]
        symbols[step] = np.where(closes, kinds + top, kind)
        if step:
            target[step - 1], mask[step - 1] = np.where(closes, top, 0), closes
        stack[np.minimum(depth, deepest - 1), rows] = np.where(
            closes, stack[np.minimum(depth, deepest - 1), rows], kind
        )
        depth = np.where(closes, depth - 1, depth + 1)
    return Batch(_one_hot(symbols, 2 * kinds), target, mask)


def latch(count: int, random: Generator) -> Batch:
    """Numbers are marked now and then; at each step the last marked one is wanted, what comes between is noise."""
    values, marked = random.uniform(-1, 1, (STEPS, count)), random.random((STEPS, count)) < 0.1
    marked[0] = True
    last = np.maximum.accumulate(np.where(marked, np.arange(STEPS)[:, None], 0), 0)
    wanted = np.take_along_axis(values, last, 0)[..., None].astype(np.float32)
    return Batch(np.stack([values, marked], 2).astype(np.float32), wanted, np.ones((STEPS, count), bool))


def parity(count: int, random: Generator) -> Batch:
    """Bits, some of them marked; at each step: whether there were evenly many ones among the marked ones so far."""
    bits, marked = random.integers(0, 2, (2, STEPS, count))
    x = np.stack([bits, marked], 2).astype(np.float32)
    return Batch(x, (bits * marked).cumsum(0) % 2, np.ones(bits.shape, bool))


TASKS = {
    task.name: task
    for task in (
        Drawn("adding", 2, 1, False, adding),
        Drawn("order", 6, 4, True, order),
        Drawn("copy", 6, 4, True, copy),
        Drawn("arithmetic", len(ARITHMETIC), len(ARITHMETIC), True, arithmetic),
        Drawn("brackets", 6, 3, True, brackets),
        Drawn("latch", 2, 1, False, latch),
        Drawn("parity", 2, 2, True, parity),
    )
}
