"""Spaces of gymnasium: observations of many rows as arrays [N, W], in the order of gymnasium's `flatten`; actions.

seen = Observations(space)              # of one environment
seen.flat(batch)                        # [N, seen.width] float32
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from gymnasium import spaces

from keepgate.actions import Actions, Part
from keepgate.errors import InputError, quoted

__all__ = ["Observations", "actions_of", "given_to"]

KNOWN = "Box, Discrete, MultiDiscrete, MultiBinary, Dict and Tuple"
Flat = Callable[[Any], np.ndarray]  # of a batch: [N, W]


class Observations:
    """How the observations of a space become arrays.

    Args:
        space: of one environment.
        what: the space is, for messages.

    Attributes:
        width: W.
        measured: which of the W values are numbers that can be standardised, [W]; the others are on or off.

    Raises:
        InputError: a kind of space cannot become numbers.
    """

    def __init__(self, space: spaces.Space[Any], what: str) -> None:
        pieces = list(_pieces(space, what))
        self._flats: list[Flat] = [flat for flat, _, _ in pieces]
        self.measured = np.concatenate([np.full(width, measured) for _, width, measured in pieces])
        self.width = len(self.measured)

    def flat(self, batch: Any) -> np.ndarray:
        """Return a batch of observations as [N, W] float32."""
        parts = [flat(batch) for flat in self._flats]
        return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts, 1), np.float32)


def _pieces(space: spaces.Space[Any], what: str) -> Any:
    """Yield for each simple space inside: its part of a batch as an array, its width, whether it is measured."""
    match space:
        case spaces.Box():
            yield (lambda batch: np.asarray(batch).reshape(len(batch), -1)), int(np.prod(space.shape)), True
        case spaces.Discrete():
            count, start = int(space.n), int(space.start)
            yield (lambda batch: _one_hot(np.asarray(batch) - start, count)), count, False
        case spaces.MultiDiscrete():
            counts, starts = space.nvec.ravel(), np.broadcast_to(space.start, space.nvec.shape).ravel()
            yield (lambda batch: _several(np.asarray(batch), counts, starts)), int(counts.sum()), False
        case spaces.MultiBinary():
            width = int(np.prod(space.shape))
            yield (lambda batch: np.asarray(batch).reshape(len(batch), -1)), width, False
        case spaces.Dict() | spaces.Tuple():
            inner = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
            for key, one in inner:
                for flat, width, measured in _pieces(one, f"{what}, part {quoted(key)}"):
                    yield (lambda batch, flat=flat, key=key: flat(batch[key])), width, measured
        case _:
            raise InputError(f"{what} is a {type(space).__name__} space, which cannot be used; known are {KNOWN}")


def _one_hot(numbers: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros((len(numbers), count), np.float32)
    found[np.arange(len(numbers)), numbers.astype(int)] = 1.0
    return found


def _several(batch: np.ndarray, counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    numbers = batch.reshape(len(batch), -1) - starts
    return np.concatenate([_one_hot(numbers[:, k], int(count)) for k, count in enumerate(counts)], 1)


def actions_of(space: spaces.Space[Any], what: str) -> Actions:
    """Return what an action space allows.

    Raises:
        InputError: a kind of space cannot be acted in.
    """
    return Actions(tuple(part for simple, _ in _simple(space, what) for part in _parts(simple)))


def _simple(space: spaces.Space[Any], what: str, path: tuple[Any, ...] = ()) -> Any:
    """Yield each simple space inside and the keys that lead to it."""
    match space:
        case spaces.Box() if np.issubdtype(space.dtype, np.floating):
            yield space, path
        case spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary():
            yield space, path
        case spaces.Dict() | spaces.Tuple():
            inner = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
            for key, one in inner:
                yield from _simple(one, f"{what}, part {quoted(key)}", (*path, key))
        case spaces.Box():
            raise InputError(f"{what} is a Box of {space.dtype}, in which no action can be drawn; use MultiDiscrete")
        case _:
            raise InputError(f"{what} is a {type(space).__name__} space, which cannot be used; known are {KNOWN}")


def _parts(space: Any) -> list[Part]:
    match space:
        case spaces.Discrete():
            return [Part("one", int(space.n), start=int(space.start))]
        case spaces.MultiDiscrete():
            starts = np.broadcast_to(space.start, space.nvec.shape).ravel()
            pairs = zip(space.nvec.ravel(), starts, strict=True)
            return [Part("one", int(count), start=int(start)) for count, start in pairs]
        case spaces.MultiBinary():
            return [Part("bits", int(np.prod(space.shape)))]
        case _:
            low, high = ([float(v) if np.isfinite(v) else None for v in b.ravel()] for b in (space.low, space.high))
            return [Part("numbers", len(low), tuple(low), tuple(high))]


def given_to(space: spaces.Space[Any]) -> Callable[[np.ndarray], Any]:
    """Return a function from the values of actions [N, A], as `Actions.values` gives them, to a batch of the space."""
    if isinstance(space, spaces.Dict):
        makers = {key: given_to(one) for key, one in space.spaces.items()}
        cuts = _cuts(list(space.spaces.values()))
        return lambda values: {key: make(values[:, cut]) for (key, make), cut in zip(makers.items(), cuts, strict=True)}
    if isinstance(space, spaces.Tuple):
        each = [given_to(one) for one in space.spaces]
        cuts = _cuts(list(space.spaces))
        return lambda values: tuple(make(values[:, cut]) for make, cut in zip(each, cuts, strict=True))
    kind: Any = space
    dtype, shape = kind.dtype, kind.shape
    if isinstance(space, spaces.Discrete):
        return lambda values: values[:, 0].astype(dtype)
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        return lambda values: values.astype(dtype).reshape(len(values), *shape)
    low, high = kind.low, kind.high  # rounding must not leave the bounds
    return lambda values: np.clip(values.reshape(len(values), *shape).astype(dtype), low, high)


def _cuts(inner: list[spaces.Space[Any]]) -> list[slice]:
    ends = np.cumsum([0, *(actions_of(one, "").numbers for one in inner)])
    return [slice(a, b) for a, b in pairwise(ends)]
