from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error as by_sklearn

from keepgate.tasks.embed.scores import mean_squared_error


@pytest.mark.parametrize("lengths", [[4], [1, 3, 2]])
def test_every_value_counts_alike_whatever_its_series(lengths):
    random = np.random.default_rng(0)
    errors = [random.normal(size=(n, 2)) for n in lengths]
    every = np.concatenate(errors)
    assert mean_squared_error(errors) == pytest.approx(by_sklearn(every, np.zeros_like(every)))


def test_by_hand():
    assert mean_squared_error([np.array([[3.0]]), np.array([[0.0], [0.0]])]) == 3.0
    assert np.isnan(mean_squared_error([np.array([[1.0, np.nan]])]))
