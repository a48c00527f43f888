"""Texts to classes: their units, and a classifier of them in Python and on the command line."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from export.running import run as run_onnx
from keepgate import SequenceClassifier, cli, export
from keepgate.data.text.labelled import LabelledTexts
from keepgate.errors import InputError
from keepgate.runtime import Runner
from keepgate.tasks import face
from keepgate.tasks.classify.texts import FIRST, UNKNOWN, TextUnits, as_texts, units_and_vectors
from keepgate.tasks.common.padded import pad_numbers

RANDOM = np.random.default_rng(0)
WORDS = {"good": ["fine", "lovely", "great"], "bad": ["awful", "poor", "sad"]}
LABELS = [name for _ in range(60) for name in WORDS]
TEXTS = [f"The film was {RANDOM.choice(WORDS[y])}{' and long' * (k % 3)}!" for k, y in enumerate(LABELS)]
QUICK = {"hidden_size": 8, "epochs": 15, "embedding_size": 8, "progress": False, "folds": 0}


@pytest.fixture(scope="module")
def model():
    return SequenceClassifier(**QUICK).fit(TEXTS, LABELS)


def test_it_learns_which_words_tell(model):
    assert model.predict(["a lovely thing", "what a poor one"]).tolist() == ["good", "bad"]
    assert model.n_features_in_ is None


def test_words_are_known_in_lower_case_from_so_many_on():
    units, vectors = units_and_vectors(["A cat. a CAT", "a dog"], SequenceClassifier(least_count=2))
    assert (units.words, vectors) == (["a", "cat"], None)
    assert units.encode("The Cat, a dog").tolist() == [UNKNOWN, FIRST + 1, UNKNOWN, FIRST, UNKNOWN]


@pytest.mark.parametrize("units", ["characters", "bytes", "subwords"])
def test_other_units_say_the_text_again(units):
    made, _ = units_and_vectors(TEXTS, SequenceClassifier(units=units, vocabulary_size=280))
    text = "The film was sad!"
    assert made.tokens is not None
    assert made.tokens.decode(made.encode(text) - FIRST) == text
    assert made.encode(text).max() < made.size


def test_a_character_that_was_not_there_is_unknown():
    made, _ = units_and_vectors(["ab"], SequenceClassifier(units="characters"))
    assert made.encode("aλb").tolist() == [FIRST, UNKNOWN, FIRST + 1]


def test_an_empty_text_is_one_unknown_unit(model):
    assert model.units_.encode("").tolist() == [UNKNOWN]
    assert np.isfinite(model.predict_proba(["", "fine"])).all()


def test_units_go_to_json_and_back():
    for units in ("words", "characters", "subwords"):
        made, _ = units_and_vectors(TEXTS, SequenceClassifier(units=units, vocabulary_size=280))
        again = TextUnits.from_json(json.loads(json.dumps(made.to_json())))
        assert [again.encode(text).tolist() for text in TEXTS] == [made.encode(text).tolist() for text in TEXTS]


def test_damaged_units_are_refused():
    with pytest.raises(InputError, match="words or tokens, and not both"):
        TextUnits.from_json({"words": None, "tokens": None, "width": 3})


def test_it_is_saved_and_loaded_to_the_bit(model, tmp_path):
    model.save(tmp_path)
    wanted = model.predict_proba(TEXTS)
    assert (SequenceClassifier.load(tmp_path).predict_proba(TEXTS) == wanted).all()
    numbers = [model.units_.encode(text) for text in TEXTS]
    given = {"x": pad_numbers(numbers).numpy(), "lengths": np.array([len(row) for row in numbers])}
    np.testing.assert_allclose(Runner.load(tmp_path).run(given, "probabilities"), wanted, atol=1e-6)


def test_onnx_says_the_same(model):
    exported = export.onnx(model)
    numbers = [model.units_.encode(text) for text in TEXTS]
    given = {"input": pad_numbers(numbers).numpy(), "lengths": np.array([len(row) for row in numbers])}
    np.testing.assert_allclose(run_onnx(exported, given)[0], model.predict_proba(TEXTS), atol=1e-6)
    told = {row.key: row.value for row in exported.metadata_props}
    assert json.loads(told["text"])["words"] == model.units_.words


def test_words_begin_with_vectors_of_a_file(tmp_path):
    path = tmp_path / "words.vec"
    path.write_text("fine 1 2 3\nmarvellous 4 5 6\nParis 7 8 9\n")
    still = {**QUICK, "epochs": 1, "learning_rate": 1e-12, "convolutions": False, "refit": False}
    model = SequenceClassifier(**still, vectors=str(path)).fit(TEXTS, LABELS)
    assert model.units_ is not None
    weight = model.network_.state_dict()["embedding.weight"].numpy()
    for word, vector in {"fine": [1, 2, 3], "marvellous": [4, 5, 6]}.items():
        np.testing.assert_allclose(weight[model.units_.numbers[word]], vector, atol=1e-6)
    assert "paris" not in model.units_.numbers
    with pytest.raises(InputError, match="are of words, but units=bytes"):
        SequenceClassifier(vectors=str(path), units="bytes").fit(TEXTS, LABELS)


def test_ensembles_of_texts_are_the_mean_of_their_members():
    given = {**QUICK, "epochs": 2, "hold_out": 0.0}
    alone = [SequenceClassifier(**given, seed=k).fit(TEXTS, LABELS).predict_proba(TEXTS) for k in range(2)]
    whole = SequenceClassifier(**given, ensemble=2).fit(TEXTS, LABELS)
    np.testing.assert_allclose(whole.predict_proba(TEXTS), np.mean(alone, 0), atol=1e-6)


def test_tables_of_texts(model):
    table = pd.DataFrame({"review": TEXTS, "label": LABELS})
    again = SequenceClassifier(**QUICK).fit(table, text_column="review")
    assert (again.predict_proba(table) == model.predict_proba(TEXTS)).all()


def test_series_and_texts_are_not_mixed(model):
    with pytest.raises(InputError, match="X holds series of numbers where the model was fitted to texts"):
        model.predict([np.zeros((3, 1))])
    of_series = SequenceClassifier(**QUICK).fit([np.full(4, k % 2) for k in range(8)], [k % 2 for k in range(8)])
    with pytest.raises(InputError, match="X holds texts where the model was fitted to series of numbers"):
        of_series.predict(["fine"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["a", "b"], ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (LabelledTexts([1], ["a"]), ["a"]),
        ([np.zeros(3)], None),
        (np.zeros((2, 3)), None),
        (3, None),
    ],
)
def test_what_texts_are(given, wanted):
    assert as_texts(given) == wanted


@pytest.mark.parametrize(("given", "words"), [("a text", "give a list of texts"), (["a", 3], r"X\[1\] is no text")])
def test_what_no_texts_are(given, words):
    with pytest.raises(InputError, match=words):
        as_texts(given)


def test_whole_groups_are_held_out(monkeypatch):
    found = []
    model = SequenceClassifier(**{**QUICK, "epochs": 1}, hold_out=0.3)
    monkeypatch.setattr(model, "calibrate", lambda held_out: found.extend(held_out.indices.tolist()))
    groups = [f"author {k // 12}" for k in range(len(TEXTS))]
    model.fit(LabelledTexts(range(len(TEXTS)), TEXTS, np.array(LABELS), groups))
    out = {groups[i] for i in found}
    assert sorted(found) == [i for i, group in enumerate(groups) if group in out]
    assert 0 < len(out) < 10


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    table = pd.DataFrame({"text": TEXTS, "label": LABELS, "author": [k // 10 for k in range(len(TEXTS))]})
    table.to_csv(folder / "train.csv", index=False)
    flags = ["--hidden-size", "8", "--epochs", "30", "--embedding-size", "8", "--group-column", "author"]
    cli.main(["fit", "classify", str(folder / "train.csv"), "--out", str(folder / "run"), *flags])
    return folder


def test_fit_predict_and_evaluate_files(run, capsys):
    assert "texts" in (run / "run" / "report.html").read_text()
    rows = [{"text": "The film was fine,\nand long!", "label": "good"}, {"text": "The film was poor!", "label": "bad"}]
    (run / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cli.main(["evaluate", str(run / "run"), str(run / "new.jsonl"), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["accuracy"] == 1
    cli.main(["predict", str(run / "run"), str(run / "new.jsonl")])
    of_file = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert of_file["label_hat"].tolist() == ["good", "bad"]
    (run / "new.txt").write_text("The film was lovely!\n\nThe film was sad!\n")
    cli.main(["predict", str(run / "run"), str(run / "new.txt")])
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["label_hat"].tolist() == ["good", "bad"]


def test_the_face_tells_of_texts(model):
    data = LabelledTexts(list(range(len(TEXTS))), TEXTS, np.array(LABELS))
    about = " ".join(face(model).about(data))
    assert f"{len(TEXTS)} texts of 5 to 9 words; {len(model.units_.words)} known words" in about
    assert "'bad (60)', 'good (60)'" in about
