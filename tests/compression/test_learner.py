"""The learner of the core against a second derivation of all of it: passes, gradients, Adam, readers, symbols."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compression.digest import text
from compression.oracle import Oracle, flat, initial
from keepgate.native import Predictor, engine
from keepgate.native.predictor import Shape
from native.process import SETS

pytestmark = pytest.mark.skipif(not SETS, reason="the native core is not built")
SMALL = Shape(hidden=12, layers=2, main_rows=2, rows=5, steps=4, history=64, decay=200)
SHAPES = {
    "two layers": SMALL,
    "one layer, odd sizes": SMALL._replace(hidden=7, layers=1, main_rows=1, rows=3, steps=3),
    "three layers, one row": SMALL._replace(hidden=17, layers=3, main_rows=1, rows=1, steps=5),
    "all rows on one thread": SMALL._replace(main_rows=5, steps=1),
}
DATA = text(260) + bytes(range(0, 256, 5)) + b"the bird the river"


def follow(shape: Shape, weights=None, data: bytes = DATA) -> float:
    """The largest difference of a probability from the oracle's, over all bytes of `data`."""
    learner = Predictor(len(data), contexts=False, shape=shape, weights=None if weights is None else flat(weights))
    oracle, worst = Oracle(shape, weights), 0.0
    for byte in data:
        worst = max(worst, np.abs(learner.learned() - oracle.predict()).max())
        learner.follow(np.array([byte], np.uint8))
        oracle.see(byte)
    return worst


@pytest.mark.parametrize("name", SHAPES)
def test_as_the_second_derivation(name):
    assert follow(SHAPES[name]) < 2e-4


def test_begins_with_given_weights():
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(each.shape, generator=generator) * 0.3 for each in initial(SMALL)]
    assert follow(SMALL, [each.float() for each in weights]) < 2e-4


def test_probabilities_are_a_distribution():
    learner = Predictor(len(DATA), contexts=False, shape=SMALL)
    for byte in DATA:
        p = learner.learned()
        assert p.min() > 0
        assert p.sum() == pytest.approx(1, abs=1e-5)
        learner.follow(np.array([byte], np.uint8))


def test_bits_are_those_of_the_bytes():
    """Without contexts, the probability of a byte is the product of its bits'."""
    learner = Predictor(len(DATA), contexts=False, shape=SMALL)
    for byte in DATA[:40]:
        alone = learner.learned()[byte]
        bits = np.unpackbits(np.array([byte], np.uint8))
        ones = learner.follow(np.array([byte], np.uint8))[0] / 65536
        assert np.where(bits, ones, 1 - ones).prod() == pytest.approx(alone, rel=0.01, abs=1e-4)


def test_weights_of_another_shape():
    with pytest.raises(ValueError, match="weights of another shape"):
        Predictor(1, shape=SMALL, weights=np.zeros(7, np.float32))


def test_any_size_that_is_a_number():
    """What is said to come only sets how much memory is taken; the first predictions do not depend on it."""
    data = np.frombuffer(b"abracadabra", np.uint8)
    at_2_40, at_the_end = (Predictor(size, shape=SMALL).follow(data) for size in (2**40, 2**63 - 1))
    assert np.array_equal(at_2_40, at_the_end)


def test_seeing_bit_by_bit_is_following():
    followed = Predictor(len(DATA), shape=SMALL).follow(np.frombuffer(DATA, np.uint8)).ravel()
    one = Predictor(len(DATA), shape=SMALL)
    p = one.probability()
    for wanted, bit in zip(followed, np.unpackbits(np.frombuffer(DATA, np.uint8)), strict=True):
        assert p == wanted
        p = one.see(int(bit))
    assert one.byte == DATA[-1]


def test_any_instruction_set():
    found = []
    try:
        for name in (name for name, here in SETS.items() if here):
            assert engine._core.choose(name)
            predictor = engine._core.Predictor(tuple(SMALL), None, True, len(DATA), True)
            found.append(np.empty((len(DATA), 8), np.uint16))
            predictor.follow(np.frombuffer(DATA, np.uint8), found[-1])
    finally:
        engine._core.choose(engine.instruction_set())
    for other in found[1:]:
        assert np.array_equal(other, found[0])
