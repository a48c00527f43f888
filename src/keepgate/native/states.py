"""The states of what steps on the core, read and set by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keepgate.errors import InputError

__all__ = ["States"]


class States:
    """Base of `Stepper`, whose states are [B, W], and of `Population`, [P, K, W].

    A state has two places in memory by turns; the core says which one is the present one.
    """

    _core: Any
    _states: dict[str, Any]

    @property
    def state(self) -> dict[str, np.ndarray]:
        """A copy of the present states by name; assign some or all of them to go on from there."""
        return {name: places[self._core.place].copy() for name, places in self._states.items()}

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            if name not in self._states:
                raise InputError(f"the cell has the states {', '.join(self._states)}, not {name}")
            place, value = self._states[name][self._core.place], np.asarray(value)
            if value.shape != place.shape or value.dtype.kind not in "fiub":
                raise InputError(f"state {name} has shape {value.shape} of {value.dtype}, expected {place.shape}")
            place[:] = value
