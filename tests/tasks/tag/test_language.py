"""Language models that read sentences for the tagger: where words end, what is held there, and what a model keeps."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from keepgate import LanguageModel, Tagger, export
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.tag import estimator as module
from keepgate.tasks.tag.language import FOLDERS, Language, Texts
from tasks.tag.data import SMALL, frames_that_count

TINY = {"hidden_size": 6, "embedding_size": 4, "window": 8, "batch_size": 4, "epochs": 1, "progress": False}
X = [["the", "cat", "sleeps"], ["a", "dog", "barks"], ["the", "old", "dog", "sleeps"]] * 4
Y = [["DET", "NOUN", "VERB"], ["DET", "NOUN", "VERB"], ["DET", "ADJ", "NOUN", "VERB"]] * 4
TEXT = "the cat sleeps\na dog barks\nthe old dog sleeps\n" * 6


@pytest.fixture(scope="module")
def models():
    return [LanguageModel(**TINY).fit(text) for text in (TEXT, TEXT[::-1])]


@pytest.fixture(scope="module")
def runs(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, model in zip(FOLDERS, models, strict=True):
        model.save(folder / name)
    return tuple(str(folder / name) for name in FOLDERS)


def test_a_word_ends_at_the_character_behind_it_and_backward_at_the_one_before_it(models):
    given = Texts(X[:3], [Language.of(model) for model in models]).inputs([0, 2])
    for k, model in enumerate(models):
        for row, sentence in enumerate((X[0], X[2])):
            length = int(given["text_lengths"][row])
            line = model.tokens_.decode(given[f"text.{k}"][row, :length].tolist())
            assert line == "\n" + (" ".join(sentence) if k == 0 else " ".join(sentence)[::-1]) + "\n"
            for word, end in zip(sentence, given[f"ends.{k}"][row].tolist(), strict=False):
                assert line[end] in " \n"
                assert line[:end].endswith(word if k == 0 else word[::-1])


def test_the_context_is_what_torch_lstms_hold_there(models, runs):
    tagger = Tagger(**SMALL, language=runs).fit(X, Y)
    examples = tagger._examples(X[:3])
    inputs, _, _ = examples.batch(np.arange(3))
    with torch.no_grad():
        found = tagger.network_.run(inputs, "context")
    for row, sentence in enumerate(X[:3]):
        line, end = "\n" + " ".join(sentence) + "\n", 0
        for place, word in enumerate(sentence):
            start, end = end, end + len(word) + 1
            wanted = []
            for model, text in zip(models, (line[: end + 1], line[start:][::-1]), strict=True):
                lstm = torch.nn.LSTM(4, 6)
                lstm.load_state_dict(model.network_.recurrent.state_dict())
                with torch.no_grad():
                    read = model.network_.embedding(torch.from_numpy(model.tokens_.encode(text)))
                    wanted.append(lstm(read)[0][-1])
            torch.testing.assert_close(found[row, place], torch.cat(wanted), atol=1e-5, rtol=1e-4)


def test_a_model_file_needs_no_language_model_beside_it(runs, tmp_path):
    for run in runs:
        shutil.copytree(run, tmp_path / run.rsplit("/", 1)[1])
    copies = tuple(str(tmp_path / name) for name in FOLDERS)
    tagger = Tagger(**SMALL, language=copies).fit(X, Y)
    tagger.save(tmp_path / "run")
    for copy in copies:
        shutil.rmtree(copy)
    again = Tagger.load(tmp_path / "run")
    unknown = [["thé", "café", "sleeps"]]
    for a, b in zip(again.predict_proba(unknown), tagger.predict_proba(unknown), strict=True):
        np.testing.assert_array_equal(a, b)
    assert face(again).evaluate(Sentences(X, Y)) == face(tagger).evaluate(Sentences(X, Y))


def test_context_that_is_kept_teaches_the_same_to_the_bit(runs, monkeypatch):
    kept = Tagger(**SMALL, language=runs[:1]).fit(X, Y)
    monkeypatch.setattr(module, "CACHED", 0)
    computed = Tagger(**SMALL, language=runs[:1]).fit(X, Y)
    for a, b in zip(kept.predict_proba(X), computed.predict_proba(X), strict=True):
        np.testing.assert_array_equal(a, b)


def test_language_models_do_not_learn_with_the_tagger(models, runs):
    tagger = Tagger(**SMALL, language=runs).fit(X, Y)
    for k, model in enumerate(models):
        for name, weight in model.network_.recurrent.state_dict().items():
            assert torch.equal(tagger.network_.get_parameter(f"language.{k}.recurrent.{name}"), weight)


def test_unlabelled_text_teaches_two_models_that_stay_in_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("keepgate.tasks.tag.language.CHARACTERS", 100)
    monkeypatch.setattr(module, "LANGUAGE", {"hidden_size": 6, "embedding_size": 4, "window": 8, "batch_size": 4})
    (tmp_path / "more.txt").write_text("the small cat barks\nthe old man sleeps at home\n" * 9)
    tagger = Tagger(**SMALL, unlabelled=str(tmp_path / "more.txt")).fit(X, Y, run=tmp_path / "run")
    assert "m" in tagger.languages_[0].tokens.state  # which is in the further text alone
    runs = tuple(str(tmp_path / "run" / name) for name in FOLDERS)
    again = Tagger(**SMALL, language=runs).fit(X, Y)
    for a, b in zip(again.predict_proba(X), tagger.predict_proba(X), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_reads_no_characters_is_refused(runs, tmp_path):
    LanguageModel(**TINY, units="bytes").fit(TEXT).save(tmp_path / "bytes")
    Tagger(**SMALL).fit(X, Y).save(tmp_path / "tags")
    for name in ("bytes", "tags"):
        with pytest.raises(InputError, match=rf"language=.*{name}: no language model of characters"):
            Tagger(**SMALL, language=(str(tmp_path / name),)).fit(X, Y)
    with pytest.raises(InputError, match="is for sentences of words, but X holds frames"):
        Tagger(**SMALL, language=runs).fit(*frames_that_count(4))
    with pytest.raises(InputError, match="3 runs"):
        Tagger(**SMALL, language=(*runs, runs[0])).fit(X, Y)


def test_an_exported_model_reads_characters_itself(runs):
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    tagger = Tagger(**SMALL, language=runs).fit(X, Y)
    inputs, lengths, _ = tagger._examples(X[:3]).batch(np.arange(3))
    model = export.onnx(tagger)
    feed = {name.replace(".", "_"): value.numpy() for name, value in {**inputs, "lengths": lengths}.items()}
    (found,) = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    for row, wanted in zip(found, tagger.predict_proba(X[:3]), strict=True):
        np.testing.assert_allclose(row[: len(wanted)], wanted, atol=1e-5)
