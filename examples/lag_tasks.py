"""The tasks of Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural Computation 9(8), sections 5.1, 5.3-5.6.

A task is a row of `TASKS`: how sequences are drawn, when one counts as wrong, when training may stop, and what the
paper reports, all as we read it, with the paper's shortest length T = 100. Where it says "average training error" we
take the mean absolute error, the stricter reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator

STEPS = 100  # T: lengths are drawn from T to T + T / 10


@dataclass(frozen=True)
class Batch:
    """Sequences side by side: what the network reads, what it is taught, and what it is judged by.

    x [T, B, I] and lengths [B]; target and truth are [B, O] at the end of the sequence, or [T, B, O] for every step and
    zero past its length. The two differ where the target is noisy, or is one of several symbols that could follow.
    """

    x: np.ndarray
    lengths: np.ndarray
    target: np.ndarray
    truth: np.ndarray

    @property
    def stepwise(self) -> bool:
        return self.truth.ndim == 3

    def take(self, rows: np.ndarray) -> Batch:
        target, truth = (np.take(value, rows, axis=int(self.stepwise)) for value in (self.target, self.truth))
        return Batch(self.x[:, rows], self.lengths[rows], target, truth)


@dataclass(frozen=True)
class Stop:
    """Of so many sequences at most `allowed` are wrong, and the mean absolute error is below `error`.

    They are the most recent ones of training, or, if `held_out`, kept from it.
    """

    sequences: int
    allowed: int
    error: float = np.inf
    held_out: bool = False

    def met(self, wrong: np.ndarray, error: np.ndarray) -> bool:
        """Whether this holds for sequences that are `wrong` [B] or not and have this mean absolute `error` [B]."""
        return len(wrong) == self.sequences and wrong.sum() <= self.allowed and error.mean() < self.error


@dataclass(frozen=True)
class Task:
    """A row of the table: the task, its criterion, what the paper reports, and how it is trained here."""

    title: str
    lag: int  # steps between the last relevant input and the output that needs it, at least
    draw: Callable[[int, Generator], Batch]
    wrong: Callable[[np.ndarray, np.ndarray], np.ndarray]  # of output and truth: which sequences
    stop: Stop
    paper: int  # training sequences until then
    paper_wrong: float | None  # of 2560 test sequences
    pool: int | None = None  # training picks from the first so many of those held out (None: every sequence is new)
    hidden: int = 16
    batch: int = 32
    limit: int = 100_000  # sequences after which a run is given up


def two_sequence(
    count: int, random: Generator, targets: tuple[float, float], signal_noise: float = 0.0, target_noise: float = 0.0
) -> Batch:
    """Experiment 3: the first N = 3 elements say the class, 1 or -1; all others are noise. (Noise: its variance.)"""
    lengths, classes = _lengths(count, random), random.integers(0, 2, count)
    x = random.normal(0, np.sqrt(0.2), (lengths.max(), count))
    x[:3] = np.where(classes == 0, 1, -1) + random.normal(0, np.sqrt(signal_noise), (3, count))
    truth = np.array(targets)[classes, None]
    return Batch(x[:, :, None], lengths, truth + random.normal(0, np.sqrt(target_noise), (count, 1)), truth)


def marked_pairs(count: int, random: Generator, product: bool) -> Batch:
    """Experiments 4 and 5: in a series of numbers two are marked; the target is their scaled sum, or their product.

    One mark is among the first ten, the other among the first T/2 - 1 that are left. The first and the last number have
    the marker -1; a mark that falls on the first stands for a number that changes nothing, 0 or 1.
    """
    lengths, rows = _lengths(count, random), np.arange(count)
    values = random.uniform(0 if product else -1, 1, (lengths.max(), count))
    first, second = random.integers(0, 10, count), random.integers(0, STEPS // 2 - 1, count)
    second += second >= first
    values[0, (first == 0) | (second == 0)] = float(product)
    marks = np.zeros_like(values)
    marks[first, rows] = marks[second, rows] = 1
    marks[0] = marks[lengths - 1, rows] = -1
    one, other = values[first, rows], values[second, rows]
    truth = (one * other if product else 0.5 + (one + other) / 4)[:, None]
    return Batch(np.stack([values, marks], axis=2), lengths, truth, truth)


ORDER = "abcdXYEB"


def temporal_order(count: int, random: Generator, places: tuple[tuple[int, int], ...]) -> Batch:
    """Experiment 6: among letters from a to d stand two or three of X and Y; the class is which of them, in order.

    Sequences start with E and end with B.
    """
    lengths, rows = _lengths(count, random), np.arange(count)
    symbols = random.integers(0, ORDER.index("X"), (lengths.max(), count))
    classes = np.zeros(count, dtype=np.int64)
    for low, high in places:
        letter = random.integers(0, 2, count)
        symbols[random.integers(low, high + 1, count), rows] = ORDER.index("X") + letter
        classes = 2 * classes + letter
    symbols[0], symbols[lengths - 1, rows] = ORDER.index("E"), ORDER.index("B")
    truth = np.eye(2 ** len(places))[classes]
    return Batch(np.eye(len(ORDER))[symbols], lengths, truth, truth)


def _lengths(count: int, random: Generator) -> np.ndarray:
    return random.integers(STEPS, STEPS + STEPS // 10 + 1, count)


REBER = "BTSXPVE"
TRAINING = 256
ARROWS = (  # the Reber grammar: from each state, a symbol and the state that it leads to
    {"T": 1, "P": 2},
    {"S": 1, "X": 3},
    {"T": 2, "V": 4},
    {"X": 2, "S": 5},
    {"P": 3, "V": 5},
    {"E": 6},
)


def reber(count: int, random: Generator) -> Batch:
    """Experiment 1: strings of the embedded Reber grammar, whose last symbol but one is the second again.

    The first 256 are for training; they do not occur among those after.
    """
    strings: list[tuple[str, list[str]]] = []
    while len(strings) < count:
        string = reber_string(random)
        if len(strings) < TRAINING or string not in strings[:TRAINING]:
            strings.append(string)
    return predictions(strings, REBER)


def reber_string(random: Generator) -> tuple[str, list[str]]:
    """A string, and for each symbol but the last those that can follow it."""
    around, text, nexts, state = "TP"[random.integers(2)], "B", [], 0
    while state < len(ARROWS):
        nexts.append("".join(ARROWS[state]))
        symbol = nexts[-1][random.integers(len(nexts[-1]))]
        text, state = text + symbol, ARROWS[state][symbol]
    return f"B{around}{text}{around}E", ["TP", "B", *nexts, around, "E"]


def predictions(strings: list[tuple[str, list[str]]], alphabet: str) -> Batch:
    """Strings with the symbols that can follow at each step, as a batch whose target is the symbol that does."""
    lengths = np.array([len(nexts) for _, nexts in strings])
    symbols = np.zeros((lengths.max() + 1, len(strings), len(alphabet)))
    truth = np.zeros((lengths.max(), len(strings), len(alphabet)))
    for row, (text, nexts) in enumerate(strings):
        symbols[np.arange(len(text)), row, [alphabet.index(symbol) for symbol in text]] = 1
        for step, legal in enumerate(nexts):
            truth[step, row, [alphabet.index(symbol) for symbol in legal]] = 1
    return Batch(symbols[:-1], lengths, symbols[1:], truth)


def beyond(tolerance: float, output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which sequences have an output unit whose absolute error at the end is not below the tolerance."""
    return (np.abs(output - truth) >= tolerance).any(axis=-1)


def not_most_active(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which sequences have a step at which the symbols that can follow are not the most active outputs."""
    legal = np.where(truth > 0, output, np.inf).min(axis=-1)
    illegal = np.where(truth > 0, -np.inf, output).max(axis=-1)
    return ((legal <= illegal) & truth.any(axis=-1)).any(axis=0)


RECENT = partial(Stop, 2000)
HELD_OUT = partial(Stop, 256, held_out=True)
ADDING, MULTIPLICATION = partial(marked_pairs, product=False), partial(marked_pairs, product=True)
TWO_SEQUENCE = partial(two_sequence, targets=(1, 0))
NOISY_SIGNAL = partial(TWO_SEQUENCE, signal_noise=0.2)
NOISY_TARGET = partial(two_sequence, targets=(0.2, 0.8), target_noise=0.1)
ORDER_OF_TWO = partial(temporal_order, places=((10, 20), (50, 60)))
ORDER_OF_THREE = partial(temporal_order, places=((10, 20), (33, 43), (66, 76)))

TASKS = {
    "reber": Task(
        *("1 embedded Reber grammar", 9, reber, not_most_active, Stop(512, 0, held_out=True), 8_440, None),
        **{"pool": TRAINING, "hidden": 32, "batch": 8, "limit": 30_000},
    ),
    "two_sequence": Task("3a two-sequence", 100, TWO_SEQUENCE, partial(beyond, 0.2), HELD_OUT(0, 0.01), 39_850, 0.5),
    "noisy_signal": Task("3b noisy signal", 100, NOISY_SIGNAL, partial(beyond, 0.2), HELD_OUT(5, 0.04), 43_250, 21),
    "noisy_target": Task("3c noisy target", 100, NOISY_TARGET, partial(beyond, 0.1), HELD_OUT(0, 0.015), 269_650, 14),
    "adding": Task("4 adding", 50, ADDING, partial(beyond, 0.04), RECENT(0, 0.01), 74_000, 1),
    "multiplication": Task(
        "5 multiplication", 50, MULTIPLICATION, partial(beyond, 0.04), RECENT(12), 1_273_000, 14, limit=200_000
    ),
    "order_of_two": Task("6a order of two", 40, ORDER_OF_TWO, partial(beyond, 0.3), RECENT(0, 0.1), 31_390, 1),
    "order_of_three": Task(
        "6b order of three", 24, ORDER_OF_THREE, partial(beyond, 0.3), RECENT(0, 0.1), 571_100, 2, limit=200_000
    ),
}
