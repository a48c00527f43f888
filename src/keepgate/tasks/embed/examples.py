"""Long series in overlapping pieces, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Pieces"]


@dataclass(frozen=True)
class Pieces:
    """Pieces of series.

    Attributes:
        series: the N series [T_i, C].
        values: the P pieces.
        places: the series and the first step of each piece.
    """

    series: list[np.ndarray]
    values: list[np.ndarray]
    places: list[tuple[int, int]]

    @classmethod
    def cut(cls, series: list[np.ndarray], size: int | None, overlap: int) -> Pieces:
        """Return pieces of `size` steps (None: whole series), of which `overlap` hold a step in the middle."""
        size = size or max(map(len, series))
        stride = max(size // overlap, 1)
        last = [max(len(value) - size, 0) for value in series]
        places = [(i, start) for i, end in enumerate(last) for start in [*range(0, end, stride), end]]
        return cls(series, [series[i][start : start + size] for i, start in places], places)

    def mean_vectors(self, vectors: Sequence[np.ndarray]) -> np.ndarray:
        """Return for each series the mean of its pieces' vectors [V], [N, V]."""
        rows, owners = np.stack(vectors), np.array([i for i, _ in self.places])
        return np.stack([rows[owners == i].mean(axis=0, dtype=np.float64) for i in range(len(self.series))])

    def mean_errors(self, errors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return for each step of each series the mean error of the pieces that hold it, N arrays [T_i, C].

        Args:
            errors: of the steps of each piece; further rows are padding.
        """
        sums = [np.zeros_like(value) for value in self.series]
        times = [np.zeros((len(value), 1)) for value in self.series]
        for (i, start), piece, error in zip(self.places, self.values, errors, strict=True):
            steps = slice(start, start + len(piece))
            sums[i][steps] += error[: len(piece)]
            times[i][steps] += 1
        return [total / count for total, count in zip(sums, times, strict=True)]
