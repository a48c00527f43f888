"""The predictor of bits: a byte LSTM that learns while it predicts, mixed with counting contexts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keepgate.native.engine import _core, instruction_set, threads

__all__ = ["Predictor", "Shape"]


class Shape(NamedTuple):
    """The size of the LSTM and its training: `LearnerShape` of native/include/keepgate/learner.h."""

    hidden: int = 96
    layers: int = 2
    main_rows: int = 4
    rows: int = 8
    steps: int = 6
    history: int = 1 << 20
    rate: float = 0.008
    last_rate: float = 0.0008
    decay: int = 200_000
    beta1: float = 0.7
    beta2: float = 0.999
    ema_rate: float = 0.05


DEFAULT = Shape()


class Predictor:
    """Predicts the bits of a stream of bytes, the highest bit of a byte first; native/include/keepgate/predictor.h.

    Probabilities are those of a 1, in 65536ths, from 1 to 65535; the same on every machine.
    """

    def __init__(self, size: int, contexts: bool = True, shape: Shape = DEFAULT, weights: np.ndarray | None = None):
        """Create a predictor.

        Args:
            size: bytes to come, as far as known.
            contexts: whether counting contexts predict too.
            shape: of the LSTM.
            weights: float32, the initial weights of the LSTM, in the order of native/src/byte_lstm.h; by default
                random.
        """
        instruction_set()
        self._core = _core.Predictor(tuple(shape), weights, contexts, size, threads() > 1)
        self.see = self._core.see  # the next bit; gives the probability of the one after
        self.probability = self._core.probability

    @property
    def byte(self) -> int:
        """The byte that was completed last."""
        return self._core.byte

    def learned(self) -> np.ndarray:
        """Return what the LSTM predicts of the next byte: probabilities [256]."""
        found = np.empty(256, np.float32)
        self._core.learned(found)
        return found

    def follow(self, data: np.ndarray) -> np.ndarray:
        """Return the probabilities [n, 8] of the bits of `data` [n], uint8, that come next."""
        found = np.empty((len(data), 8), np.uint16)
        self._core.follow(np.ascontiguousarray(data), found)
        return found
