"""Segmenter: what it finds, what it keeps, what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from keepgate import Segmenter
from keepgate.data.audio.log_mel import hop_seconds
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.common.front_ends import AudioFrontEnd
from tasks.segment.data import RATE, SMALL, as_recordings, beeps


def test_tones_that_overlap_are_found_where_they_sound(fitted):
    own, energy, always = face(fitted).evaluate(as_recordings(*beeps(15, seed=1)))
    assert own["F1"] > 0.95
    assert own["boundary error (s)"] < 0.03
    assert energy["model"].startswith("energy above")
    assert always["model"] == f"always {fitted.commonest_}"
    assert always["F1"] < energy["F1"] < own["F1"]


def test_segments_are_in_order_and_their_confidence_is_the_mean_probability(fitted):
    X, _ = beeps(3, seed=2)
    for segments, p in zip(fitted.predict(X, RATE), fitted.predict_proba(X, RATE), strict=True):
        assert segments == sorted(segments)
        assert {segment.label for segment in segments} == {"high", "low"}
        for start, end, label, confidence in segments:
            frames = slice(round(start / 0.01), round(end / 0.01))
            assert confidence == pytest.approx(p[frames, fitted.labels_.index(label)].mean(), abs=1e-4)


def test_in_one_direction_the_future_does_not_count(fitted):
    X, _ = beeps(2, seed=3)
    whole, begun = (fitted.predict_proba(x, RATE) for x in (X, [x[: 2 * RATE] for x in X]))
    for a, b in zip(whole, begun, strict=True):
        np.testing.assert_allclose(a[:198], b[:198], atol=1e-5)  # the window of the last frames is cut off


def test_a_model_file_finds_the_same(fitted, tmp_path):
    X, _ = beeps(2, seed=4)
    fitted.save(tmp_path)
    again = Segmenter.load(tmp_path)
    assert again.predict(X, RATE) == fitted.predict(X, RATE)
    assert again.energy_threshold_ == fitted.energy_threshold_


def test_frames_are_as_long_as_their_samples():
    """At 11,025 Hz a hop is 110 samples, not 110.25: after a minute that is 0.14 s."""
    assert hop_seconds(11025) == 110 / 11025
    assert AudioFrontEnd(11025, 12, 0.0).times(np.zeros(60 * 11025))[-1] == pytest.approx(60.0, abs=0.005)


SOUND = np.sin(np.arange(800.0))


@pytest.mark.parametrize(
    ("X", "y", "rate", "words"),
    [
        ([], [], RATE, "X is .*: give a list of recordings"),
        ([SOUND], [[], []], RATE, "1 recordings in X, 2 lists of segments in y"),
        ([SOUND], [[]], None, "give their rate"),
        ([SOUND], None, RATE, "there are no segments"),
        ([SOUND], [[]], RATE, "no recording has a segment"),
        ([SOUND, SOUND * 0], [[], []], RATE, r"X\[1\]: the recording is silent"),
        ([SOUND, SOUND], [[], [(0.2, 0.1)]], RATE, r"X\[1\]: a segment from 0\.2 s to 0\.1 s"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(X, y, rate, words):
    with pytest.raises(InputError, match=words):
        Segmenter(**SMALL, epochs=1).fit(X, y, rate=rate)


def test_what_does_not_fit_the_model_is_refused(fitted):
    with pytest.raises(InputError, match=r"have 8000 Hz where the model was fitted to 4000 Hz"):
        fitted.predict([SOUND], 8000)
    with pytest.raises(InputError, match=r"0\.wav: the label 'dog' was never seen"):
        face(fitted).evaluate(as_recordings([SOUND], [[(0.1, 0.2, "dog")]]))
    with pytest.raises(InputError, match=r"offset=0\.7 is above onset=0\.5"):
        Segmenter(onset=0.5, offset=0.7).fit([SOUND], [[(0, 0.1)]], rate=RATE)
    with pytest.raises(InputError, match=r"offset=0\.4 is above onset=0\.2"):
        clone(fitted).set_params(onset=0.2).fit([SOUND], [[(0, 0.1)]], rate=RATE)


def test_the_score_is_f1_over_frames(fitted):
    X, y = beeps(6, seed=7)
    own, *_ = face(fitted).evaluate(as_recordings(X, y))
    assert fitted.score(X, y) == fitted.score(as_recordings(X, y)) == own["F1"]
    assert fitted.score(X, fitted.predict(X, RATE)) == 1


def test_cross_validation_scores_it():
    model = Segmenter(**SMALL, epochs=12, bidirectional=False)
    scores = cross_val_score(model, *beeps(60), cv=2, params={"rate": RATE})
    assert len(scores) == 2
    assert 0.7 < scores.min() <= scores.max() <= 1


def test_whole_places_are_held_out(monkeypatch):
    seen = []
    monkeypatch.setattr(Segmenter, "calibrate", lambda self, held_out: seen.append(held_out))
    data = replace(as_recordings(*beeps(12)), sources=[f"place {i % 3}" for i in range(12)])
    Segmenter(**SMALL, epochs=1, piece=1.0, hold_out=0.2, refit=False).fit(data)
    inside = {i // 3 % 3 for i in seen[0].indices}  # a recording of three seconds has three pieces
    assert len(inside) == 1
    assert len(seen[0]) == 12
