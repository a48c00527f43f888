from __future__ import annotations

import numpy as np
import pytest

from keepgate import Transcriber
from tasks.transcribe.data import RATE, SMALL, tones


@pytest.fixture(scope="module")
def one_way():
    X, y, _ = tones(60)
    options = {**SMALL, "batch_size": 16}
    return Transcriber(**options, epochs=4, learning_rate=0.02, bidirectional=False).fit(X, y, rate=RATE)


@pytest.mark.parametrize("size", [1000, 257, 100_000])
def test_pieces_give_the_text_of_the_whole(one_way, size):
    X, _, _ = tones(6, seed=3)
    for samples, text in zip(X, one_way.predict(X, RATE), strict=True):
        live = one_way.live()
        parts = [live.feed(samples[i : i + size]) for i in range(0, len(samples), size)]
        assert "".join(parts) + live.finish() == text


def test_nothing_fed_says_nothing(one_way):
    live = one_way.live()
    assert live.feed(np.zeros(0, np.float32)) == ""
    assert live.finish() == ""


class Scores:
    """In place of a network: its best symbol at each step is given beforehand."""

    def __init__(self, *best):
        self.best = list(best)

    def feed(self, frames):
        return np.eye(3)[None, [self.best.pop(0)]]

    def finish(self, frames):
        return np.eye(3)[None, self.best]


@pytest.mark.parametrize(("separator", "texts"), [("", ["a", "", "", "a", "b"]), (" ", ["a", "", "", " a", " b"])])
def test_a_repeated_symbol_needs_a_blank_between(one_way, separator, texts):
    """The best path a a - a b b reads a, a, b; separators stand between symbols alone, also over pieces."""
    live = one_way.live()
    live._symbols, live._separator, live._stream = ["a", "b"], separator, Scores(1, 1, 0, 1, 2, 2)
    assert [live.feed(np.zeros(0)) for _ in range(5)] == texts
    assert live.finish() == ""
