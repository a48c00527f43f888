"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import SequenceRegressor
from tasks.regress.data import SMALL, first_step_decides


@pytest.fixture(scope="module")
def data():
    return first_step_decides(60)


@pytest.fixture(scope="module")
def fitted(data):
    return SequenceRegressor(**SMALL, quantiles=(0.9, 0.1)).fit(*data)
