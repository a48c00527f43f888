"""Scores of typing, by hand."""

import pytest

from keepgate.tasks.suggest.keyboard import Typed
from keepgate.tasks.suggest.scores import typing_scores


def test_keystrokes_and_times_of_typing():
    scores = typing_scores(Typed(characters=8, keystrokes=6, seconds=[0.001, 0.002, 0.003]))
    assert (scores["keystrokes saved"], scores["characters"], scores["keystrokes"]) == (0.25, 8, 6)
    assert scores["median ms"] == pytest.approx(2)
    assert scores["95 % within ms"] == pytest.approx(2.9)
