"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import SequenceAutoencoder
from tasks.embed.data import SMALL, waves


@pytest.fixture(scope="module")
def fitted():
    return SequenceAutoencoder(**SMALL).fit(waves(20))


@pytest.fixture(scope="module")
def trained():
    return SequenceAutoencoder(vector_size=4, hidden_size=32, epochs=40, learning_rate=0.01).fit(waves(100))
