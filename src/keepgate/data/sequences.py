"""Labelled sequences: what a file for `classify` holds, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Sequences"]


@dataclass(frozen=True)
class Sequences:
    """N sequences of C channels each, and a label for each if the file has labels.

    Attributes:
        ids: N names, unique.
        values: N float64 arrays [T_i, C], finite; NaN where a value is missing, if the reader was let.
        labels: [N], or of several columns [N, K], or None.
        channels: C names.
        left_out: names of columns that only count rows, and so are no channels.
        times: N arrays [T_i], when each step was, as the file says; None: it does not.
        groups: what each belongs to, such as its patient, [N]; None: that was not read.
    """

    ids: Sequence[Any]
    values: list[np.ndarray]
    labels: np.ndarray | None
    channels: Sequence[str]
    left_out: Sequence[str] = ()
    times: list[np.ndarray] | None = None
    groups: Sequence[Any] | None = None
