"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import Segmenter
from tasks.segment.data import RATE, SMALL, beeps


@pytest.fixture(scope="module")
def fitted():
    return Segmenter(**SMALL, epochs=10, bidirectional=False).fit(*beeps(40), rate=RATE)
