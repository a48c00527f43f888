"""Whatever goes in comes out, and nothing becomes much larger."""

from __future__ import annotations

import bz2
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keepgate
from keepgate.compression import archive, coder

TEXT = b"It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. "


def bound(data: bytes) -> int:
    return len(data) * 1001 // 1000 + 64


def packed(data: bytes, **how: bool) -> bytes:
    """The archive of `data`, which has been tried."""
    found = keepgate.compress(data, **how)
    assert keepgate.decompress(found) == data
    assert len(found) <= bound(data)
    return found


# Bytes of any kind, and repeats of them with slips: what hits matches, stored blocks and the end of a window.
REPEATS = st.builds(
    lambda part, times, end: part * times + end, st.binary(max_size=40), st.integers(1, 8), st.binary(max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), REPEATS), st.booleans())
def test_any_bytes(data, lstm_only):
    packed(data, lstm_only=lstm_only)


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", bytes(range(256)), bytes(2000), b"ab" * 700, TEXT * 8])
@pytest.mark.parametrize("lstm_only", [False, True])
def test_edges(data, lstm_only):
    packed(data, lstm_only=lstm_only)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    "data",
    [noise(1), noise(1023), noise(300_000), zlib.compress(noise(9000) + bytes(9000)), bz2.compress(TEXT * 300)],
    ids=["1", "1023", "two blocks", "zlib", "bz2"],
)
def test_what_cannot_shrink_is_stored(data):
    assert len(packed(data)) - len(data) <= 34 + 16 + 13 * -(-len(data) // archive.BLOCK)


def test_a_block_that_does_not_pay_is_learned_from_all_the_same(monkeypatch):
    """Noise that is tried, then twice the text: the predictor of both sides has seen all of it."""
    monkeypatch.setattr(coder, "ALWAYS", 1 << 20)
    monkeypatch.setattr("keepgate.compression.streams.BLOCK", 700)
    data = noise(700) + (TEXT * 13)[:1400]
    found = packed(data)
    kinds = [kind for kind, _, _ in archive.read_blocks(blocks(found), len(data), "it")]
    assert kinds == [archive.Kind.SEEN, archive.Kind.CODED, archive.Kind.CODED]


def blocks(found: bytes):
    import io

    file = io.BytesIO(found)
    archive.Header.read(file, "it")
    return file


def test_it_learns():
    """The second half of a text costs less than the first; the contexts help; text shrinks."""
    first, both = len(keepgate.compress(TEXT * 8)), len(keepgate.compress(TEXT * 16))
    alone = len(keepgate.compress(TEXT * 16, lstm_only=True))
    assert both - first < first / 4
    assert both < alone < len(TEXT) * 4


@pytest.mark.slow
def test_three_hundred_files():
    """Empty ones, single bytes, binary, text, sparse, already compressed."""
    draw = random.Random(1)
    for i in range(300):
        size = draw.choice([0, 1, draw.randrange(2, 60), draw.randrange(60, 900)])
        kinds = [
            lambda n: draw.randbytes(n),
            lambda n: (TEXT * 9)[draw.randrange(90) :][:n],
            lambda n: bytes(draw.choice([0, 0, 0, 255]) for _ in range(n)),
            lambda n: zlib.compress(draw.randbytes(n)),
            lambda n: b"".join(draw.randrange(5000).to_bytes(4, "little") for _ in range(n // 4)),
        ]
        packed(kinds[i % 5](size), lstm_only=i % 3 == 0)
