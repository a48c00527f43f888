"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import Suggester
from tasks.suggest.data import SMALL, TEXT


@pytest.fixture(scope="module")
def fitted():
    return Suggester(**SMALL).fit(TEXT)
