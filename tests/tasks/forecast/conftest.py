"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import Forecaster
from tasks.forecast.data import SMALL, waves


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    return Forecaster(horizon=5, **SMALL).fit(waves())
