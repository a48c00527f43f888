"""What the command line shows of a transcriber."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.recordings.manifest import Utterances
from keepgate.tasks import face
from keepgate.tasks.common.calibration import confidence_scores
from tasks.transcribe.data import RATE


def test_error_rates_count_edits(data, fitted):
    X, _, _ = data
    guess = fitted.predict(X[:2], RATE)
    utterances = Utterances("audio", X[:2], RATE, [guess[0], guess[1] + "zz"], ["0", "1"])
    own, commonest = face(fitted).evaluate(utterances)
    assert own["character error rate"] == pytest.approx(2 / (len(guess[0]) + len(guess[1]) + 2))
    assert own["word error rate"] == 0.5
    assert commonest["model"] == "commonest text"


def test_the_report_draws_utterances_under_their_symbols(data, fitted):
    X, y, _ = data
    wrong = [*y[:2], "cab"]
    sections = face(fitted).report(Utterances("audio", X[:3], RATE, wrong, ["0", "1", "2"]), None)
    drawn = [section for section in sections if section.figure is not None]
    confidence, *drawn = drawn
    assert confidence.title == "Confidence on the training data"
    sure = np.concatenate([one.word_confidences for one in fitted.transcribe(X[:3], RATE)])
    right = [a == b for a, b in zip(fitted.predict(X[:3], RATE), wrong, strict=True)]  # a word each
    assert confidence.rows == [confidence_scores(sure, np.array(right))]
    assert len(drawn) == 3
    labels = [text.get_text() for text in drawn[0].figure.axes[0].texts]
    assert labels == list(fitted.predict([X[2]], RATE)[0])  # the one with a mistake comes first
