"""Random bits: the same in plain Python, NumPy and torch; fair; and apart for every seed, stream, step and row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.equations import noise


def mix_in_32_bits(x: np.ndarray) -> np.ndarray:
    """The permutation again, in arithmetic that wraps at 32 bits by itself."""
    x = x.astype(np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


NUMBERS = np.random.default_rng(0).integers(0, 2**32, 10_000, dtype=np.int64)


def test_mix_is_the_same_everywhere():
    wanted = mix_in_32_bits(NUMBERS).astype(np.int64)
    np.testing.assert_array_equal(noise.mix(NUMBERS), wanted)
    np.testing.assert_array_equal(noise.mix(torch.tensor(NUMBERS)).numpy(), wanted)
    assert [noise.mix(int(x)) for x in NUMBERS[:100]] == wanted[:100].tolist()


def test_mix_is_a_permutation():
    assert len(np.unique(noise.mix(np.arange(2**18, dtype=np.int64)))) == 2**18


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_rate(rate: float):
    drawn = np.stack([noise.bernoulli(noise.stream_key(3, 0), t, 40, 50, rate) for t in range(50)])
    deviation = (rate * (1 - rate) / drawn.size) ** 0.5
    assert abs(drawn.mean() - rate) <= 4 * deviation
    assert set(np.unique(drawn)) <= {0.0, 1.0}


def drawn(seed: int = 1, stream: int = 0, step: int = 0) -> np.ndarray:
    return noise.bernoulli(noise.stream_key(seed, stream), step, 30, 200, 0.5)


@pytest.mark.parametrize("other", [{"seed": 2}, {"seed": 1 + 2**31}, {"stream": 1}, {"step": 1}])
def test_draws_are_apart(other: dict[str, int]):
    agree = (drawn() == drawn(**other)).mean()
    assert abs(agree - 0.5) < 4 * 0.5 / drawn().size ** 0.5


def test_rows_and_units_are_apart():
    rows = np.corrcoef(drawn())
    assert np.abs(rows - np.eye(30)).max() < 5 / 200**0.5


def test_draws_repeat():
    np.testing.assert_array_equal(drawn(), drawn())
