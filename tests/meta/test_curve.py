from __future__ import annotations

import numpy as np
import pytest

from keepgate.meta.curve import curve
from keepgate.meta.families import FAMILIES


def test_an_error_is_the_squared_one_over_the_variance():
    x, y = FAMILIES["linear"](8, 500, np.random.default_rng(0))
    found = curve(y + 0.1, x, y, "mine", 0)
    assert found.errors["mine"] == pytest.approx(np.full(8, 0.01 / y.var()))
    assert list(found.errors) == ["mine", "last value", "ridge regression", "ridge, with squares", "perceptron, Adam"]
    assert found.errors["ridge regression"][7] < 1e-4
    assert np.isnan(found.errors["perceptron, Adam"][3])
    rows = found.rows()
    assert rows[0]["5 examples"] == pytest.approx(0.01 / y.var())
    assert rows[4]["0 examples"] == ""
    assert found.figure().axes[0].get_yscale() == "log"


def test_of_classes_right_answers_are_counted_by_instance():
    y = np.array([[0, 1], [0, 0], [1, 1], [0, 1]])
    said = np.eye(2)[[[0, 0], [0, 0], [0, 1], [0, 1]]]
    found = curve(said, np.zeros((4, 2, 1)), y, "mine", 2)
    assert found.errors["mine"].tolist() == [0.5, 0, 0.5, 0]
    assert found.instances["mine"][:3].tolist() == [2 / 4, 1, 1]  # first: 0 right, 1 wrong; 1 wrong, 0 right
    assert np.isnan(found.instances["mine"][3:]).all()
    assert found.measure == "share of wrong classes"
    assert found.figure().axes[0].get_yscale() == "linear"
    assert found.instance_rows()[0]["example 1"] == 0.5
