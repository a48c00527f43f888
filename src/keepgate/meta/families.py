"""Families of functions to learn to learn: what is drawn from them, and the check of what a user's callable draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keepgate.errors import InputError, listed, quoted, reason

__all__ = ["FAMILIES", "Family", "family_of"]

Draw = Callable[[int, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Family:
    """Functions of one kind, and the inputs at which each is seen.

    Attributes:
        name: of the family.
        draw: `draw(examples, batch, random)` returns for `batch` functions the inputs [examples, batch, I] and the
            outputs [examples, batch, O]; with classes their numbers [examples, batch]. All that is random in it has to
            come from the NumPy generator `random`, so that a training that was killed resumes to the same bits.
        classes: how many classes the outputs name; 0: they are numbers.
    """

    name: str
    draw: Draw
    classes: int = 0

    def __call__(self, examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return what `draw` does, checked: float64, classes int64.

        Raises:
            InputError: it raised, or what it returned has other shapes or values that are not possible.
        """
        try:
            drawn = self.draw(examples, batch, random)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"family {quoted(self.name)} fails to draw: {type(error).__name__}: {reason(error)}"
            ) from error
        if not isinstance(drawn, tuple) or len(drawn) != 2:
            raise InputError(f"family {quoted(self.name)} has to return inputs and outputs, got {type(drawn).__name__}")
        x = self._array("inputs", drawn[0], (examples, batch), 3)
        return x, self._array("outputs", drawn[1], (examples, batch), 2 if self.classes else 3)

    def _array(self, what: str, value: Any, begins: tuple[int, int], axes: int) -> np.ndarray:
        who = f"family {quoted(self.name)}: the {what}"
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{who} are no array of numbers: {reason(error)}") from error
        if array.ndim != axes or array.shape[:2] != begins or array.shape[-1] < 1:
            wanted = f"[{begins[0]}, {begins[1]}{', width' if axes == 3 else ''}]"
            raise InputError(f"{who} have the shape {list(array.shape)}, expected {wanted}")
        if not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise InputError(f"{who} at {list(place)} are {array[place]}, no finite number")
        if axes == 3:
            return array
        wrong = (array != np.floor(array)) | (array < 0) | (array >= self.classes)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise InputError(f"{who} at {list(place)} are {array[place]:g}, no class from 0 to {self.classes - 1}")
        return array.astype(np.int64)


def linear(examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a x + b y + c; coefficients and inputs uniform in [-1, 1]."""
    x, (a, b, c) = random.uniform(-1, 1, (examples, batch, 2)), random.uniform(-1, 1, (3, batch))
    return x, (a * x[..., 0] + b * x[..., 1] + c)[..., None]


def quadratic(examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a x² + b y² + c x y + d x + e y + f; all uniform in [-1, 1] (Hochreiter et al. 2001)."""
    pairs, (a, b, c, d, e, f) = random.uniform(-1, 1, (examples, batch, 2)), random.uniform(-1, 1, (6, batch))
    x, y = pairs[..., 0], pairs[..., 1]
    return pairs, (a * x * x + b * y * y + c * x * y + d * x + e * y + f)[..., None]


def sine(examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw A sin(x - p); A uniform in [0.1, 5], p in [0, π], x in [-5, 5] (Finn, Abbeel & Levine 2017)."""
    x, amplitude = random.uniform(-5, 5, (examples, batch, 1)), random.uniform(0.1, 5, batch)
    return x, amplitude[:, None] * np.sin(x - random.uniform(0, np.pi, batch)[:, None])


def boolean(examples: int, batch: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw one of the 16 Boolean functions of two variables (Hochreiter et al. 2001)."""
    x, truth = random.integers(0, 2, (examples, batch, 2)), random.integers(0, 2, (batch, 4))
    return x.astype(np.float64), truth[np.arange(batch), 2 * x[..., 0] + x[..., 1]]


FAMILIES = {
    "linear": Family("linear", linear),
    "quadratic": Family("quadratic", quadratic),
    "sine": Family("sine", sine),
    "boolean": Family("boolean", boolean, classes=2),
}


def family_of(given: Any) -> Family:
    """Return the family that is named, or that a callable draws.

    Raises:
        InputError: there is none of that name, or it is neither.
    """
    if isinstance(given, Family):
        return given
    if isinstance(given, str) and given in FAMILIES:
        return FAMILIES[given]
    if callable(given):
        draw: Any = given
        return Family(getattr(given, "__name__", type(given).__name__), draw)
    raise InputError(f"family {quoted(given)} is unknown: name {listed(list(FAMILIES))}, or give a callable")
