"""Scores of the held-out part, by which weights are chosen: sums over batches, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Score"]


@dataclass(frozen=True)
class Score:
    """A score of the held-out part: the higher, the better.

    Loss and counts come from one forward pass, so a score costs little more than the loss.

    Attributes:
        name: as the field calls it, such as "accuracy".
        measure: `measure(model, batch, state)` returns the mean loss of a batch as `loss` does, its counts (an array
            or tensor; those of all batches are added) and the state for the next window. Without windows the state is
            None.
        value: returns the score that the sums of the counts, float64, amount to; a finite number.
    """

    name: str
    measure: Callable[..., tuple[Any, Any, Any]]
    value: Callable[[np.ndarray], float]
