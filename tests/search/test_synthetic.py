"""Each synthetic task by a second derivation of its answer, sequence by sequence."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.search.synthetic import ARITHMETIC, TASKS


def drawn(name: str):
    batch = TASKS[name].draw(50, np.random.default_rng(3), False)
    for row in range(50):
        yield batch.x[:, row], batch.target[:, row], batch.mask[:, row]


def test_adding():
    for x, target, mask in drawn("adding"):
        assert list(np.flatnonzero(mask)) == [29]
        assert x[:, 1].sum() == 2
        assert target[-1, 0] == pytest.approx((x[:, 0] * x[:, 1]).sum(), abs=1e-6)


def test_order():
    classes = set()
    for x, target, mask in drawn("order"):
        letters = [int(symbol) - 4 for symbol in x.argmax(1) if symbol >= 4]
        assert len(letters) == 2
        assert target[mask][0] == 2 * letters[0] + letters[1]
        classes.add(int(target[mask][0]))
    assert classes == {0, 1, 2, 3}


def test_copy():
    for x, target, mask in drawn("copy"):
        symbols = x.argmax(1)
        assert list(target[mask]) == list(symbols[:4])
        assert list(symbols[4:]) == [4] * 10 + [5] * 4


def test_arithmetic():
    for x, target, mask in drawn("arithmetic"):
        text = "".join(ARITHMETIC[s] for s in x.argmax(1)) + ARITHMETIC[target[-1]]
        sum_, _, result = text.rstrip(".").partition("=")
        assert sum(int(number[::-1]) for number in sum_.split("+")) == int(result[::-1])
        assert "".join(ARITHMETIC[s] for s in target[mask]) == result


def test_brackets():
    closings = 0
    for x, target, mask in drawn("brackets"):
        stack: list[int] = []
        for step, symbol in enumerate(x.argmax(1)):
            closes = symbol >= 3
            assert not step or mask[step - 1] == closes
            if closes:
                assert stack.pop() == symbol - 3 == target[step - 1]
                closings += 1
            else:
                stack.append(symbol)
                assert len(stack) <= 6
    assert closings > 400


def test_latch():
    for x, target, mask in drawn("latch"):
        held = None
        for (value, marked), wanted in zip(x, target, strict=True):
            held = value if marked else held
            assert wanted[0] == pytest.approx(held, abs=1e-6)
        assert mask.all()


def test_parity():
    for x, target, mask in drawn("parity"):
        odd = 0
        for (bit, marked), wanted in zip(x, target, strict=True):
            odd ^= int(bit) & int(marked)
            assert wanted == odd
        assert mask.all()


def test_every_task_is_tried_here():
    assert {f"test_{name}" for name in TASKS} <= set(globals())
