"""Transcriber: what it learns, where it puts symbols, what it keeps and refuses."""

from dataclasses import replace

import jiwer
import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from keepgate import Transcriber
from keepgate.data.recordings.manifest import Utterances
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.transcribe.examples import utterances
from tasks.transcribe.data import RATE, SMALL, tones


def test_tones_are_transcribed_and_lie_where_they_sound(fitted):
    X, y, places = tones(40, seed=1)
    found = fitted.transcribe(X, RATE)
    assert np.mean([one.text == text for one, text in zip(found, y, strict=True)]) > 0.9
    assert [one.text for one in found] == fitted.predict(X, RATE)
    for one, text, place in zip(found, y, places, strict=True):
        if one.text == text:
            for begin, end, (first, last) in zip(one.begins, one.ends, place, strict=True):
                assert first - 0.06 < begin < last + 0.06  # CTC emits a symbol somewhere within its sound
                assert begin < end
            assert all(0 < p <= 1 for p in one.confidences)


def test_alone_and_beside_longer_ones_it_reads_alike(data, fitted):
    X = data[0][:10]
    assert fitted.predict(X, RATE) == [fitted.predict([x], RATE)[0] for x in X]


def test_a_model_file_reads_the_same(data, fitted, tmp_path):
    fitted.save(tmp_path)
    again = Transcriber.load(tmp_path)
    assert again.transcribe(data[0][:5], RATE) == fitted.transcribe(data[0][:5], RATE)


def test_words_may_be_the_symbols():
    X, y, _ = tones(6)
    words = [" ".join({"a": "one", "b": "two", "c": "three"}[c] for c in text) for text in y]
    model = Transcriber(**SMALL, epochs=1, symbols="words").fit(X, words, rate=RATE)
    assert model.symbols_ == sorted({word for text in words for word in text.split()})
    assert face(model).evaluate(Utterances("audio", X, RATE, words, list("012345")))[0].keys() == {
        "model",
        "word error rate",
    }


def test_ink_is_read_too():
    rng = np.random.default_rng(0)
    shapes = {"l": [[0, 0], [0, 2]], "v": [[0, 2], [0.5, 0], [1, 2]], "n": [[0, 0], [0, 2], [1, 0], [1, 2]]}
    X, y = [], []
    for _ in range(120):
        text = "".join(rng.choice(list(shapes), 3))
        X.append([np.array(shapes[c]) * 10 + [20 * i, 0] + rng.normal(size=2) for i, c in enumerate(text)])
        y.append(text)
    model = Transcriber(**{**SMALL, "hidden_size": 32}, epochs=20, learning_rate=0.01).fit(X, y)
    assert np.mean([a == b for a, b in zip(model.predict(X), y, strict=True)]) > 0.9
    one = model.transcribe(X[:1])[0]
    assert one.begins == sorted(one.begins)
    back = model.transcribe([[np.array(stroke) * [-1, 1] for stroke in X[0]]])[0]  # written from right to left
    assert all(begin <= end for begin, end in zip(back.begins, back.ends, strict=True))


SOUND = np.sin(np.arange(800.0))


@pytest.mark.parametrize(
    ("X", "y", "rate", "words"),
    [
        ([], [], RATE, "X is .*: give a list of utterances"),
        ([SOUND], ["a", "b"], RATE, "1 utterances in X, 2 texts in y"),
        ([SOUND], ["a"], None, "give their rate"),
        ([SOUND], None, RATE, "there are no texts"),
        ([SOUND, SOUND], ["a", " "], RATE, r"X\[1\]: its text is empty"),
        ([SOUND, SOUND * 0], ["a", "b"], RATE, r"X\[1\]: the recording is silent"),
        ([SOUND, SOUND * np.nan], ["a", "b"], RATE, r"X\[1\]: samples of shape"),
        ([SOUND], ["a" * 30], RATE, r"X\[0\]: its text takes 59 steps, but it has 20"),
        ([[[[1, 1]]]], ["a"], None, r"X\[0\]: the ink is a single point"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(X, y, rate, words):
    with pytest.raises(InputError, match=words):
        Transcriber(**SMALL, epochs=1).fit(X, y, rate=rate)


def test_what_does_not_fit_the_model_is_refused(data, fitted):
    with pytest.raises(InputError, match="have 8000 Hz where the model was fitted to 4000 Hz"):
        fitted.predict(data[0][:1], 8000)
    with pytest.raises(InputError, match="are ink where the model was fitted to audio"):
        fitted.predict([[[[1, 1], [2, 2]]]])
    X, y, _ = data
    with pytest.raises(InputError, match=r"X\[1\]: the symbol 'x' was never seen"):
        Transcriber(**SMALL, epochs=1).fit(X, y, rate=RATE, valid=(X[:2], ["a", "x"]))
    with pytest.raises(InputError, match="the recordings have 8000 Hz where the model was fitted to 4000 Hz"):
        Transcriber(**SMALL, epochs=1).fit(X, y, rate=RATE, valid=Utterances("audio", X[:1], 8000, ["a"], ["0"]))


def test_the_score_is_one_less_the_label_error_rate(fitted):
    X, y, _ = tones(12, seed=5)
    found = fitted.predict(X, RATE)
    assert fitted.score(X, y) == pytest.approx(1 - jiwer.cer(y, found))
    assert fitted.score(X, found) == 1
    wrong = [text + "ab" for text in found]
    assert fitted.score(X, wrong) == pytest.approx(1 - 2 * len(X) / sum(map(len, wrong)))


def test_cross_validation_scores_it(data):
    X, y, _ = data
    model = Transcriber(**SMALL, epochs=14, learning_rate=0.02)
    scores = cross_val_score(model, X, y, cv=2, params={"rate": RATE})
    assert len(scores) == 2
    assert 0.5 < scores.min() <= scores.max() <= 1


def test_whole_speakers_are_held_out(monkeypatch):
    X, y, _ = tones(120)
    seen = []
    monkeypatch.setattr(Transcriber, "calibrate", lambda self, held_out: seen.append(held_out))
    data = replace(utterances(X, y, RATE), sources=[f"speaker {i % 5}" for i in range(120)])
    Transcriber(**SMALL, epochs=1, refit=False).fit(data)
    assert {*(seen[0].indices % 5)} == {seen[0].indices[0] % 5}
    assert len(seen[0]) == 24
