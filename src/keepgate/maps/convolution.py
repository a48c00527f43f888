"""The convolution, W ∗ x: Shi et al. 2015, "Convolutional LSTM Network", arXiv:1506.04214.

A value lies in space: [..., *space, W], with its W units at every place. The space of the result is that of the source,
so that states keep theirs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keepgate.errors import InputError, quoted
from keepgate.maps.map import LARGEST, Map

__all__ = ["PADDINGS", "Convolution"]

PADDINGS = ("zeros", "circular")
MOST_DIMS = 3
MOST_TAPS = 10_000


@dataclass(frozen=True, init=False)
class Convolution(Map):
    """Cross-correlation with a kernel, as torch's convolutions: the result at a place is a sum over those around it.

    A kernel of even size reaches one place further on than back, as torch's `padding="same"`.

    >>> from keepgate.maps import Convolution
    >>> Convolution(3).weight_shape(4, 64, 16)
    (256, 16, 3, 3)
    >>> Convolution((3, 5), dilation=2).reach
    ((2, 2), (4, 4))

    Args:
        kernel_size: how many places a kernel covers in each direction of space: a number, or one for each.
        dims: directions of space: 1, 2 or 3.
        padding: what lies around the space: `"zeros"`, or `"circular"`: it goes on at its other end.
        dilation: how far apart those places are: a number, or one for each direction.
        space: the size of the space, such as (64, 64): the vectors of a cell then have a number for each unit and
            place, [W, *space], as the peepholes of Shi et al.; None: one for each unit, in a space of any size.

    Raises:
        InputError: an argument is something else.
    """

    kernel_size: tuple[int, ...]
    dims: int
    padding: str
    dilation: tuple[int, ...]
    space: tuple[int, ...] | None

    def __init__(
        self,
        kernel_size: int | Iterable[int],
        dims: int = 2,
        padding: str = "zeros",
        dilation: int | Iterable[int] = 1,
        space: Iterable[int] | None = None,
    ) -> None:
        if not _is_count(dims) or dims > MOST_DIMS:
            raise InputError(f"dims of Convolution is 1, 2 or 3, got {quoted(dims)}")
        if padding not in PADDINGS:
            raise InputError(f"padding of Convolution is one of {', '.join(PADDINGS)}; got {quoted(padding)}")
        values = {
            "kernel_size": _each("kernel_size", kernel_size, dims),
            "dims": dims,
            "padding": padding,
            "dilation": _each("dilation", dilation, dims),
            "space": None if space is None else _each("space", space, dims),
        }
        if math.prod(values["kernel_size"]) > MOST_TAPS:
            raise InputError(f"a kernel covers up to {MOST_TAPS:,} places, got {values['kernel_size']}")
        for name, value in {**values, "axes": dims}.items():
            object.__setattr__(self, name, value)

    @property
    def reach(self) -> tuple[tuple[int, int], ...]:
        """How far a kernel reaches back and on in each direction."""
        spans = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)

    @property
    def taps(self) -> list[tuple[int, ...]]:
        """The places that a kernel covers, in the order of its numbers, as distances from the place of the result."""
        pairs = zip(self.kernel_size, self.dilation, self.reach, strict=True)
        return list(itertools.product(*([i * d - back for i in range(k)] for k, d, (back, _) in pairs)))

    def weight_shape(self, gates: int, width: int, source_width: int) -> tuple[int, ...]:
        """Return [gates * width, source_width, *kernel_size]."""
        return gates * width, source_width, *self.kernel_size

    def widths(self, shape: tuple[int, ...], gates: int) -> tuple[int, int]:
        """Return the channels of a gate, and those of the source."""
        width, source_width = shape[-2 - self.dims : -self.dims]
        return width // gates, source_width

    def vector_shape(self, width: int) -> tuple[int, ...]:
        """Return [width], or [width, *space]."""
        return width, *(self.space or ())

    def fan_in(self, source_width: int) -> int:
        """Return the numbers of a kernel."""
        return source_width * math.prod(self.kernel_size)

    def check_space(self, space: tuple[int, ...]) -> None:
        """Refuse a space that differs from `space`, or around which a kernel reaches more than once.

        Raises:
            InputError: it is such a space.
        """
        if self.space is not None and space != self.space:
            raise InputError(f"the vectors are of the space {self.space}, and the input of {space}; see Convolution")
        if self.padding == "circular" and any(max(r) > size for r, size in zip(self.reach, space, strict=True)):
            raise InputError(
                f"a circular kernel that reaches {self.reach} goes around the space {space} more than once"
            )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST


def _each(name: str, value: Any, dims: int) -> tuple[int, ...]:
    """Return a number for each direction."""
    values = (value,) * dims if isinstance(value, int) and name != "space" else value
    if not isinstance(values, tuple | list) or not all(map(_is_count, values)) or len(values) != dims:
        raise InputError(f"{name} of Convolution has {dims} integers from 1 on, got {quoted(value)}")
    return tuple(values)
