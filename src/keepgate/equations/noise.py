"""Random bits by counter: a hash of (seed, stream, step, row, unit), so that no mask is stored and order is free.

Bits that stay the same for a whole sequence are those of step 0.

Every engine computes the same bits. Each stage mixes 32 bits by a multiply-xorshift permutation; a unit is 1 where its
hash is below the probability times 2^32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DRAWS", "bernoulli", "mix", "stream_key"]

DRAWS = ("step", "sequence")  # how often a random bit is drawn

GOLDEN = 0x9E3779B9
MASK = 0xFFFFFFFF


def mix(x: Any) -> Any:
    """Permute 32-bit numbers held in 64-bit integers: Python, NumPy or torch ones."""
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & MASK
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def stream_key(seed: int, stream: int) -> int:
    """Return the key of one source of noise of a cell."""
    return mix((mix(seed & MASK) + stream * GOLDEN) & MASK)


def bits(key: int, step: int, rows: Any, units: Any) -> Any:
    """Return 32 random bits for each row and unit.

    Args:
        key: of the stream.
        step: number of the step.
        rows: [B, 1], 64-bit integers.
        units: [W], 64-bit integers.
    """
    row_key = mix(mix((key ^ step) & MASK) ^ rows)
    return mix((row_key + units * GOLDEN) & MASK)


def bernoulli(key: int, step: int, rows: int, units: int, rate: float) -> np.ndarray:
    """Return [rows, units] of 0.0 and 1.0.

    Args:
        key: of the stream.
        step: number of the step.
        rows: how many.
        units: how many.
        rate: the probability of a 1.
    """
    random = bits(key, step, np.arange(rows, dtype=np.int64)[:, None], np.arange(units, dtype=np.int64))
    return (random < rate * 2.0**32).astype(np.float64)
