"""Translator: its network beside torch's, what it learns, how it scores, what it keeps and refuses."""

import gzip

import numpy as np
import pytest
import torch

from keepgate import Translator
from keepgate.data.text.pairs import Pairs
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.translate.network import TranslatorNetwork
from keepgate.tasks.translate.scores import translation_scores
from tasks.translate.data import SMALL, numbers


@pytest.mark.slow
def test_words_and_their_order_are_learned():
    options = {"vocabulary": 300, "hidden_size": 64, "embedding_size": 32, "dropout": 0.0, "label_smoothing": 0.0}
    model = Translator(**options, epochs=20, batch_size=16, learning_rate=0.005).fit(*numbers(500))
    X, y = numbers(60, seed=1)
    assert np.mean([a == b for a, b in zip(model.predict(X), y, strict=True)]) > 0.9
    found = model.translate(["eins zwei drei vier"], 3)[0]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found[0].text == "four three two one"
    assert "".join(found[0].pieces).strip() == found[0].text
    assert found[0].weights.shape == (len(found[0].pieces) + 1, len(found[0].source_pieces))
    np.testing.assert_allclose(found[0].weights.sum(1), 1.0, rtol=1e-5)


def test_alone_and_beside_longer_ones_it_translates_alike(data, fitted):
    assert fitted.predict(data[0][:8]) == [fitted.predict([text])[0] for text in data[0][:8]]


def test_the_same_seed_gives_the_same_bits_and_a_run_goes_on(data, fitted, tmp_path):
    again = Translator(**SMALL).fit(*data, run=tmp_path)
    resumed = Translator(**SMALL).fit(*data, run=tmp_path)
    for name, value in fitted.network_.state_dict().items():
        assert torch.equal(value, again.network_.state_dict()[name])
        assert torch.equal(value, resumed.network_.state_dict()[name])
    other = Translator(**{**SMALL, "seed": 1}).fit(*data)
    assert not torch.equal(other.network_.bias, fitted.network_.bias)


class Killed(Exception):
    pass


def test_a_training_that_was_killed_ends_at_the_same_bits(data, fitted, tmp_path, monkeypatch):
    whole, calls = TranslatorNetwork.loss, 0

    def loss(self, batch):
        nonlocal calls
        calls += 1
        if calls == 8:  # in the second epoch
            raise Killed
        return whole(self, batch)

    monkeypatch.setattr(TranslatorNetwork, "loss", loss)
    with pytest.raises(Killed):
        Translator(**SMALL).fit(*data, run=tmp_path)
    again = Translator(**SMALL).fit(*data, run=tmp_path)
    assert all(
        torch.equal(value, again.network_.state_dict()[name]) for name, value in fitted.network_.state_dict().items()
    )


@pytest.mark.parametrize("options", [{}, {"shared": True, "cell": "gru", "bidirectional": False, "num_layers": 1}])
def test_a_model_file_translates_the_same(data, options, tmp_path):
    model = Translator(**{**SMALL, **options}).fit(*data)
    model.save(tmp_path)
    again = Translator.load(tmp_path)
    pairs = Pairs(*data)
    assert face(again).table(pairs).equals(face(model).table(pairs))
    assert face(again).evaluate(pairs) == face(model).evaluate(pairs)


def test_texts_unlike_any_are_translated(fitted):
    assert len(fitted.predict(["世界 🙂", "x" * 300, " a "])) == 3


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([], [], "X is .*: give a list of texts"),
        ("ein Hund", ["a dog"], "X is .*: give a list of texts"),
        (["a"], None, "there are no targets"),
        (["a", "b"], ["a"], "2 texts in X, 1 texts in y"),
        (["a", " "], ["a", "b"], r"X\[1\] is no text, or an empty one"),
        (["a"], [3], r"y\[0\] is no text"),
        (["a\ud800"], ["b"], "half a surrogate pair"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(X, y, words):
    with pytest.raises(InputError, match=words):
        Translator(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_size": 7}, "hidden_size=7 is odd"),
        ({"task": "sing"}, "task='sing' is none of translate, reply"),
        ({"cell": "projected(lstm, 3)"}, "gives no output of hidden_size=8"),
    ],
)
def test_wrong_parameters_are_refused_in_one_sentence(data, options, words):
    with pytest.raises(InputError, match=words):
        Translator(**{**SMALL, **options}).fit(*data)


@pytest.mark.slow
def test_german_captions(shared_data):
    """A small network on a tenth of the captions is far above the baselines."""
    folder = shared_data("multi30k")

    def part(name, count):
        return tuple(
            gzip.open(folder / f"{name}.{side}.gz", "rt", encoding="utf-8").read().splitlines()[:count]
            for side in ("de", "en")
        )

    model = Translator(lowercase=True, vocabulary=1500, hidden_size=128, embedding_size=96, dropout=0.1, epochs=6)
    model.set_params(batch_size=32, learning_rate=4e-3).fit(*part("train", 3000))
    rows = {row["model"]: row["BLEU"] for row in face(model).evaluate(Pairs(*part("test_2016_flickr", 200)))}
    assert rows["lstm"] > 6 > 2 > max(rows["source itself"], rows["commonest target"])


def test_the_epoch_is_chosen_by_bleu():
    """The history's score is the BLEU of translations without a beam."""
    X = ["ein Hund bellt", "eine Katze schläft", "ein Vogel singt"] * 8
    y = ["a dog barks", "a cat sleeps", "a bird sings"] * 8
    options = {"hidden_size": 16, "vocabulary": 300, "epochs": 6, "batch_size": 4, "learning_rate": 0.02}
    model = Translator(**options, beam=1, length_penalty=0).fit(X, y, valid=(X, y))
    best = max(row["valid_score"] for row in model.history_)
    assert best == pytest.approx(translation_scores(model.predict(X), y, lowercase=False)["BLEU"])
    assert "valid_score" not in Translator(**options, select="loss").fit(X, y, valid=(X, y)).history_[0]
    assert "valid_score" not in Translator(**options, task="reply").fit(X, y, valid=(X, y)).history_[0]
