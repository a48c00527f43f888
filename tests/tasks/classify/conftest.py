"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate.tasks.classify.estimator import SequenceClassifier
from tasks.classify.data import SMALL, first_step_decides


@pytest.fixture(scope="module")
def data():
    return first_step_decides(60)


@pytest.fixture(scope="module")
def fitted(data):
    return SequenceClassifier(**SMALL).fit(*data)
