"""The models that tests of this task share."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import Tagger
from tasks.tag.data import SMALL, after_a_switch


@pytest.fixture(scope="module")
def data():
    return after_a_switch(40)


@pytest.fixture(scope="module")
def fitted(data):
    return Tagger(**SMALL).fit(*data)


@pytest.fixture(scope="module")
def spans_of_words():
    """Names of one, two or three words, told from the first word; the tags mark them."""
    rng = np.random.default_rng(0)
    names = [["north"], ["great", "wall"], ["old", "red", "fox"]]
    X, y = [], []
    for _ in range(60):
        parts = [names[k] if k < 3 else ["walks"] for k in rng.integers(0, 5, 3)]
        X.append([word for part in parts for word in part])
        y.append(
            [
                "O" if word == "walks" else ("I" if i else "B") + f"-{len(part)}"
                for part in parts
                for i, word in enumerate(part)
            ]
        )
    return X, y


@pytest.fixture(scope="module")
def chained(spans_of_words):
    return Tagger(**{**SMALL, "epochs": 4}, crf=True).fit(*spans_of_words)
