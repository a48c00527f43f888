"""Segmenter: what it finds, what it keeps, what it refuses."""

import numpy as np
import pytest
import torch

from keepgate import Segmenter
from keepgate.data.audio.log_mel import hop_seconds
from keepgate.data.recordings.recordings import Recordings
from keepgate.data.recordings.segments import Segment
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.common.front_ends import AudioFrontEnd
from keepgate.tasks.segment.examples import RecordingExamples
from keepgate.tasks.segment.network import SteadyFrontEnd, segment_loss

RATE = 4000
SMALL = {"hidden_size": 12, "num_layers": 1, "bands": 12, "batch_size": 4, "learning_rate": 0.03}


def beeps(count, seed=0):
    """Tones of 500 Hz ("low") and 1200 Hz ("high") in noise, each of which may go on while the other sounds."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        samples, segments = 0.1 * rng.normal(size=3 * RATE), []
        for label, hertz in (("low", 500), ("high", 1200)):
            at = rng.uniform(0.2, 1.0)
            while (end := at + rng.uniform(0.3, 0.6)) < 2.9:
                place = slice(round(at * RATE), round(end * RATE))
                samples[place] += 0.3 * np.sin(2 * np.pi * hertz * np.arange(place.start, place.stop) / RATE)
                segments.append((at, end, label))
                at = end + rng.uniform(0.4, 0.8)
        X.append(samples)
        y.append(segments)
    return X, y


@pytest.fixture(scope="module")
def fitted():
    return Segmenter(**SMALL, epochs=10, bidirectional=False).fit(*beeps(40), rate=RATE)


def as_recordings(X, y):
    segments = [[Segment(*item) for item in one] for one in y]
    return Recordings([np.asarray(x, np.float32) for x in X], RATE, [f"{i}.wav" for i in range(len(X))], segments)


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


def test_the_report_draws_the_worst_recording_first(fitted):
    X, y = beeps(2, seed=5)
    scores, each, first, second = face(fitted).report(as_recordings([X[0], X[0]], [y[0], y[0][:1]]), None)
    assert scores.rows[0]["model"] == "lstm"
    assert [row["label"] for row in each.rows] == ["high", "low"]
    assert (first.title, second.title) == ("1.wav", "0.wav")
    drawn = first.figure.axes[2]
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == ["true", "found"]
    _, low = drawn.collections[:2]  # of the truth, which has but one segment, a low one
    assert low.get_paths()[0].vertices[:, 0].min() == pytest.approx(y[0][0][0])


def test_frames_are_as_long_as_their_samples():
    """At 11,025 Hz a hop is 110 samples, not 110.25: after a minute that is 0.14 s."""
    assert hop_seconds(11025) == 110 / 11025
    assert AudioFrontEnd(11025, 12, 0.0).times(np.zeros(60 * 11025))[-1] == pytest.approx(60.0, abs=0.005)


def test_augmented_recordings_keep_their_frames():
    torch.manual_seed(0)
    front_end = SteadyFrontEnd(RATE, 12, 1.0).train()
    x = torch.zeros(4, 60, 12)
    x[:, 20:30] = 8.0
    found, lengths = front_end(x, torch.full((4,), 60))
    assert found.shape == x.shape
    assert lengths.tolist() == [60] * 4
    loud = found.amax(-1) > found.amax(-1).mean(1, keepdim=True) + 1
    assert (loud == (torch.arange(60) // 10 == 2)).all()


def test_the_loss_is_that_of_the_frames_within_the_lengths(fitted):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(n, 12)).astype(np.float32) for n in (7, 3)]
    targets = [rng.random((n, 2)) < 0.5 for n in (7, 3)]
    batch = RecordingExamples(values, targets).batch([0, 1])
    with torch.no_grad():
        scores = fitted.network_(batch[0], batch[1]).double().numpy()
        found = float(segment_loss(fitted.network_, batch))
    p = np.concatenate([1 / (1 + np.exp(-scores[i, : len(v)])) for i, v in enumerate(values)])
    wanted = np.concatenate(targets)
    assert found == pytest.approx(-np.mean(np.where(wanted, np.log(p), np.log(1 - p))), rel=1e-5)


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
