from __future__ import annotations

import evolino
import numpy as np
import pytest


def test_the_series_of_mackey_and_glass_obeys_its_equation():
    x = evolino.mackey_glass(300, parts=20)
    coarse = evolino.mackey_glass(300, parts=10)
    assert x[:60] == pytest.approx(coarse[:60], abs=0.02)
    slope = (-x[4:] + 8 * x[3:-1] - 8 * x[1:-3] + x[:-4]) / 12
    then = x[2:-2][:-17]
    assert slope[17:] == pytest.approx(0.2 * then / (1 + then**10) - 0.1 * x[2:-2][17:], abs=0.01)
    assert 0.2 < x.min() < 0.6 < 1.1 < x.max() < 1.5


def test_sines_are_sums():
    table = evolino.sines(2)
    assert table["y"][10] == pytest.approx(np.sin(2.0) + np.sin(3.11))
