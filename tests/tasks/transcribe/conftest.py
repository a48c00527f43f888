"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import Transcriber
from tasks.transcribe.data import RATE, SMALL, tones


@pytest.fixture(scope="module")
def data():
    return tones(160)


@pytest.fixture(scope="module")
def fitted(data):
    X, y, _ = data
    return Transcriber(**SMALL, epochs=14, learning_rate=0.02).fit(X, y, rate=RATE)
