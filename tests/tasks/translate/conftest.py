"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import Translator
from tasks.translate.data import SMALL, numbers


@pytest.fixture(scope="module")
def data():
    return numbers(40)


@pytest.fixture(scope="module")
def fitted(data):
    return Translator(**SMALL).fit(*data)
