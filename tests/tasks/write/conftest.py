"""The models that tests of this task share."""

from __future__ import annotations

import pytest

from keepgate import LanguageModel
from keepgate.data.text.tokens import UNITS
from tasks.write.data import SMALL, TEXT


@pytest.fixture(scope="module", params=UNITS)
def fitted(request):
    return LanguageModel(units=request.param, vocabulary_size=270, **SMALL).fit(TEXT)
