"""Weights of symbols in states: the one form in which decoders read n-gram models and word lists. NumPy only.

A state without an arc for a symbol adds its backoff weight and asks its backoff state; state 0 is the last to be asked,
and what is unknown there weighs `unknown` and leads back to it (native/include/keepgate/beam.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from keepgate.errors import InputError

__all__ = ["NONE", "Automaton"]

ROUNDING = 1e-9  # above 0, of the logarithm of a probability
TYPES = {
    "arcs": np.int64,
    "symbols": np.int32,
    "targets": np.int32,
    "weights": np.float64,
    "backoff": np.int32,
    "backoff_weights": np.float64,
}


@dataclass(frozen=True)
class Automaton:
    """Arcs sorted by state, then symbol; S states, A arcs.

    Attributes:
        arcs: [S + 1] int64: where the arcs of each state begin.
        symbols: [A] int32.
        targets: [A] int32 states.
        weights: [A] float64, natural logarithms.
        backoff: [S] int32 states.
        backoff_weights: [S] float64.
        unknown: weight of a symbol that state 0 lacks.
        start: the state before the first symbol.
        end: the symbol that ends a sequence, or -1.
    """

    arcs: np.ndarray
    symbols: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    backoff: np.ndarray
    backoff_weights: np.ndarray
    unknown: float
    start: int = 0
    end: int = -1

    @classmethod
    def of_arcs(
        cls,
        sources: np.ndarray,
        symbols: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        backoff: np.ndarray,
        backoff_weights: np.ndarray,
        unknown: float,
        start: int = 0,
        end: int = -1,
    ) -> Automaton:
        """Return the automaton of arcs in any order.

        Args:
            sources: the state in which each arc begins.
            symbols: of each arc.
            targets: the state in which each arc ends.
            weights: of each arc.
            backoff: of each state: where it backs off to.
            backoff_weights: of each state.
            unknown: the weight of a symbol that no state has.
            start: the first state.
            end: the symbol that ends a sequence; -1: none does.
        """
        order = np.lexsort((symbols, sources))
        arcs = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=len(backoff)))]).astype(np.int64)
        return cls(
            arcs,
            symbols[order].astype(np.int32),
            targets[order].astype(np.int32),
            weights[order].astype(np.float64),
            backoff.astype(np.int32),
            backoff_weights.astype(np.float64),
            float(unknown),
            start,
            end,
        )

    def check(self, symbols: int) -> None:
        """Refuse an automaton, read from a file, that does not fit the number of symbols.

        Every walk ends because a state backs off to one of a lower number, as longer contexts do to shorter ones.

        Raises:
            InputError: an array has another type or size, or a number in it points nowhere.
        """
        states, arcs = len(self.backoff), len(self.symbols)
        sizes = (states + 1, arcs, arcs, arcs, states, states)
        arrays = (self.arcs, self.symbols, self.targets, self.weights, self.backoff, self.backoff_weights)
        for (name, dtype), array, size in zip(TYPES.items(), arrays, sizes, strict=True):
            if array.dtype != dtype or array.shape != (size,):
                raise InputError(f"{name} is {list(array.shape)} of {array.dtype}, not {[size]} of {np.dtype(dtype)}")
        if not states or self.arcs[0] != 0 or self.arcs[-1] != arcs or (np.diff(self.arcs) < 0).any():
            raise InputError("arcs does not share the arcs out among states")
        later = np.diff(np.repeat(np.arange(states), np.diff(self.arcs))) > 0  # where the next arc is another state's
        if not (later | (np.diff(self.symbols) > 0)).all():
            raise InputError("symbols do not rise within each state")
        for name, values, most in (("symbols", self.symbols, symbols), ("targets", self.targets, states)):
            if ((values < 0) | (values >= most)).any():
                raise InputError(f"{name} has a number that is not from 0 to {most - 1}")
        if ((self.backoff < 0) | (self.backoff >= np.maximum(np.arange(states), 1))).any():
            raise InputError("backoff leads a state to none before it")
        for name, values in (("weights", self.weights), ("backoff_weights", self.backoff_weights)):
            if not (values <= ROUNDING).all():
                raise InputError(f"{name} has numbers that are no logarithms of a probability")
        if not 0 <= self.start < states:
            raise InputError(f"start={self.start} is none of {states} states")

    @cached_property
    def row(self) -> tuple[int | float, ...]:
        """The arguments of the native core; the arrays live as long as the automaton."""
        arrays = (self.arcs, self.symbols, self.targets, self.weights, self.backoff, self.backoff_weights)
        return (len(self.backoff), *(array.ctypes.data for array in arrays), self.unknown, self.start, self.end)

    def follow(self, state: int, symbol: int) -> tuple[float, int]:
        """Return the weight of a symbol in a state, and the state it leads to."""
        weight = 0.0
        while True:
            first, last = self.arcs[state], self.arcs[state + 1]
            arc = first + np.searchsorted(self.symbols[first:last], symbol)
            if arc < last and self.symbols[arc] == symbol:
                return weight + float(self.weights[arc]), int(self.targets[arc])
            if state == 0:
                return weight + self.unknown, 0
            weight += float(self.backoff_weights[state])
            state = int(self.backoff[state])


NONE: tuple[int | float, ...] = (0, 0, 0, 0, 0, 0, 0, 0.0, 0, -1)  # the row of no automaton
