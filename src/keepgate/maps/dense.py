"""The matrix product, W·x: every unit of the result reads every unit of the source."""

from __future__ import annotations

from dataclasses import dataclass

from keepgate.maps.map import Map

__all__ = ["DENSE", "Dense"]


@dataclass(frozen=True)
class Dense(Map):
    """Multiplication with a matrix, of the shape and orientation of torch's weights: rows are units of the result."""

    def weight_shape(self, gates: int, width: int, source_width: int) -> tuple[int, ...]:
        """Return [gates * width, source_width]."""
        return gates * width, source_width

    def widths(self, shape: tuple[int, ...], gates: int) -> tuple[int, int]:
        """Return the rows of a gate, and the columns."""
        return shape[-2] // gates, shape[-1]

    def fan_in(self, source_width: int) -> int:
        """Return the number of columns."""
        return source_width


DENSE = Dense()
