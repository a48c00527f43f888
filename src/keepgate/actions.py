"""What an agent can do and what it reads, as plain data.

An action has parts that are one of several, on or off, or numbers: A numbers in all. A policy is the O outputs of a
network from which they are drawn: logits of what is one of several and of what is on or off; a mean and the logarithm
of a deviation for what is a number. A number with bounds is the hyperbolic tangent of what was drawn, stretched between
them. No torch here: a saved agent acts with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from keepgate import schema
from keepgate.errors import InputError

__all__ = ["CHECK", "LEAST_LOG", "MOST_LOG", "Actions", "Inputs", "Part"]

LEAST_LOG, MOST_LOG = -5.0, 2.0  # bounds of the logarithm of a deviation
MOST_VALUES = 10_000

BOUND = schema.optional(schema.number())
CHECK = schema.several(
    schema.record(
        kind=schema.choice(("one", "bits", "numbers")),
        size=schema.whole(1, MOST_VALUES),
        start=schema.whole(-(2**53), 2**53),
        low=schema.several(BOUND),
        high=schema.several(BOUND),
    ),
    least=1,
)


@dataclass(frozen=True)
class Part:
    """A part of an action.

    Attributes:
        kind: "one" of `size`, `size` "bits", or `size` "numbers".
        size: see `kind`.
        low, high: bounds of each number; None where there is none.
        start: what the first of several is called.
    """

    kind: str
    size: int
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    start: int = 0

    @property
    def numbers(self) -> int:
        """How many of the A numbers it is."""
        return 1 if self.kind == "one" else self.size

    @property
    def outputs(self) -> int:
        """How many of the O outputs it is drawn from."""
        return 2 * self.size if self.kind == "numbers" else self.size


@dataclass(frozen=True)
class Actions:
    """All that an agent can do.

    >>> both = Actions((Part("one", 3), Part("numbers", 1, (0.0,), (10.0,))))
    >>> both.numbers, both.outputs, both.width
    (2, 5, 4)
    >>> both.greedy(np.array([[0.0, 2.0, 1.0, 0.0, 0.0]]))
    array([[1., 0.]])
    >>> both.values(np.array([[1.0, 0.0]]))
    array([[1., 5.]])
    """

    parts: tuple[Part, ...]

    @cached_property
    def numbers(self) -> int:
        """A, the numbers of an action."""
        return sum(part.numbers for part in self.parts)

    @cached_property
    def outputs(self) -> int:
        """O, the outputs of a network that they are drawn from."""
        return sum(part.outputs for part in self.parts)

    @cached_property
    def width(self) -> int:
        """Of `encoded`."""
        return sum(part.size for part in self.parts)

    @cached_property
    def places(self) -> list[tuple[Part, slice, slice]]:
        """Each part with its places among the numbers and among the outputs."""
        found, a, o = [], 0, 0
        for part in self.parts:
            found.append((part, slice(a, a + part.numbers), slice(o, o + part.outputs)))
            a, o = a + part.numbers, o + part.outputs
        return found

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which of the A numbers are bounded, [A], what is added to each, and the halves of their intervals."""
        bounded, middle, half = np.zeros(self.numbers, bool), np.zeros(self.numbers), np.ones(self.numbers)
        for part, a, _ in self.places:
            middle[a] = part.start
            for k, (low, high) in enumerate(zip(part.low, part.high, strict=True), a.start):
                if low is not None and high is not None:
                    bounded[k], middle[k], half[k] = True, (low + high) / 2, (high - low) / 2
        return bounded, middle, half

    def greedy(self, outputs: np.ndarray) -> np.ndarray:
        """Return the likeliest actions [N, A] by outputs [N, O]."""
        return np.concatenate([_likeliest(part, outputs[:, o]) for part, _, o in self.places], 1)

    def noise(self, random: np.random.Generator, *shape: int) -> np.ndarray:
        """Return random numbers [*shape, O] for `drawn`."""
        drawn = np.empty((*shape, self.outputs), np.float32)
        for part, _, o in self.places:
            size = (*shape, part.outputs)
            if part.kind == "numbers":
                drawn[..., o] = random.standard_normal(size, np.float32)
            elif part.kind == "one":
                drawn[..., o] = random.gumbel(size=size)
            else:
                drawn[..., o] = random.logistic(size=size)
        return drawn

    def drawn(self, outputs: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Return actions [N, A] drawn by outputs [N, O] and `noise` [N, O]."""
        if len(self.parts) == 1 and self.parts[0].kind == "one":
            return (outputs + noise).argmax(1)[:, None]
        return np.concatenate([_drawn(part, outputs[:, o], noise[:, o]) for part, _, o in self.places], 1)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return actions [N, A] as the environment takes them: bounded numbers between their bounds."""
        bounded, middle, half = self.bounds
        if not bounded.any():
            return numbers + middle if middle.any() else numbers
        return middle + half * np.where(bounded, np.tanh(numbers), numbers)

    def encoded(self, numbers: np.ndarray) -> np.ndarray:
        """Return actions [N, A] as inputs [N, width] of a network: one of several is a unit, numbers are squashed."""
        found = np.zeros((len(numbers), self.width), np.float32)
        start = 0
        for part, a, _ in self.places:
            given, target = numbers[:, a], found[:, start : start + part.size]
            if part.kind == "one":
                target[np.arange(len(given)), given[:, 0].astype(int)] = 1.0
            else:
                target[:] = np.tanh(given) if part.kind == "numbers" else given
            start += part.size
        return found

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain data."""
        return [{**asdict(part), "low": list(part.low), "high": list(part.high)} for part in self.parts]

    @classmethod
    def from_json(cls, data: Sequence[dict[str, Any]]) -> Actions:
        """Return what `to_json` wrote.

        Raises:
            InputError: it is something else.
        """
        CHECK("actions", data)
        parts = tuple(Part(**{**d, "low": tuple(d["low"]), "high": tuple(d["high"])}) for d in data)
        for part in parts:
            bounds = part.size if part.kind == "numbers" else 0
            if len(part.low) != bounds or len(part.high) != bounds:
                raise InputError(f"actions: a part of kind {part.kind!r} has {bounds} bounds")
        return cls(parts)


def _likeliest(part: Part, outputs: np.ndarray) -> np.ndarray:
    if part.kind == "one":
        return outputs.argmax(1)[:, None].astype(np.float64)
    return outputs[:, : part.size] if part.kind == "numbers" else (outputs > 0).astype(np.float64)


def _drawn(part: Part, outputs: np.ndarray, noise: np.ndarray) -> np.ndarray:
    if part.kind != "numbers":
        return _likeliest(part, outputs + noise)
    deviation = np.exp(np.clip(outputs[:, part.size :], LEAST_LOG, MOST_LOG))
    return outputs[:, : part.size] + deviation * noise[:, : part.size]


class Inputs:
    """Puts rows of inputs together.

    Args:
        width: of what is seen.
        actions: that can be taken.
        previous: whether the previous action and reward are read too.

    Attributes:
        size: I, the inputs of a row.
    """

    def __init__(self, width: int, actions: Actions, previous: bool) -> None:
        self.width, self.actions, self.previous = width, actions, previous
        self.size = width + (actions.width + 1 if previous else 0)

    def measured(self, seen: np.ndarray) -> np.ndarray:
        """Return which of the I inputs are standardised: what is measured [W] of what is seen, and the reward."""
        own = [np.zeros(self.actions.width, bool), [True]] if self.previous else []
        return np.concatenate([seen, *own])

    def rows(self, observation: np.ndarray, numbers: np.ndarray | None, reward: np.ndarray | None) -> np.ndarray:
        """Return inputs [N, I].

        Args:
            observation: [N, W].
            numbers: the actions just before, [N, A]; None at a beginning.
            reward: for them, [N].
        """
        if not self.previous:
            return observation
        found = np.zeros((len(observation), self.size), np.float32)
        found[:, : self.width] = observation
        if numbers is not None and reward is not None:
            found[:, self.width : -1] = self.actions.encoded(numbers)
            found[:, -1] = reward
        return found

    def begin(self, rows: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Return inputs whose rows that are the first of an episode know of nothing before, in place."""
        if self.previous:
            rows[first, self.width :] = 0.0
        return rows
