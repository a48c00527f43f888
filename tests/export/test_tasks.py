"""The model of every task, exported, gives in ONNX Runtime what the estimator gives."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pandas as pd
import pytest
import torch

from export.running import run as run_onnx
from keepgate import (
    Controller,
    Evolino,
    LanguageModel,
    Segmenter,
    SequenceAutoencoder,
    SequenceRegressor,
    Suggester,
    Tagger,
    Transcriber,
    Translator,
    cli,
    export,
)
from keepgate.data.recordings.segments import Segment
from keepgate.errors import InputError
from keepgate.tasks import TASKS
from keepgate.tasks.common.padded import pad_frames
from keepgate.tasks.suggest.words import numbers_of
from keepgate.tasks.tag.examples import SentenceExamples

RANDOM = np.random.default_rng(0)
QUICK = {"epochs": 1, "hidden_size": 6, "progress": False}
RATE = 8000
SOUNDS = [0.1 * RANDOM.normal(size=n) for n in (2400, 4001, 3111)]
FRAMES = [RANDOM.normal(size=(n, 3)) for n in (4, 9, 1, 6)]
WORDS = [["the", "cat", "sat"], ["a", "dog"], ["the", "dog", "sat", "down", "here"]] * 4
TEXT = "the cat sat on the mat . a dog ran to the house . " * 12


def texts(model):
    return {row.key: json.loads(row.value) for row in model.metadata_props if row.key not in PLAIN}


PLAIN = ("task", "cell", "operator", "kind")


def test_regress():
    y = RANDOM.normal(size=(4, 2)) * 100
    model = SequenceRegressor(**QUICK, quantiles=(0.1, 0.9)).fit(FRAMES, y)
    exported = export.onnx(model)
    x, lengths = pad_frames(FRAMES)
    (got,) = run_onnx(exported, {"input": x.numpy(), "lengths": lengths.numpy()})
    np.testing.assert_allclose(got[:, :2], model.predict(FRAMES), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(np.sort(got.reshape(4, 3, 2)[:, 1:], 1), model.predict_quantiles(FRAMES), atol=1e-3)
    assert texts(exported)["outputs"] == ["mean", 0.1, 0.9]


def test_segment():
    segments = [[Segment(0.05, 0.2, "v")], [], [Segment(0.1, 0.3, "w")]]
    model = Segmenter(**QUICK).fit(SOUNDS, segments, rate=RATE)
    exported = export.onnx(model)
    features, lengths = pad_frames([model.network_.front_end.frames(sound) for sound in SOUNDS])
    (got,) = run_onnx(exported, {"features": features.double().numpy(), "lengths": lengths.numpy()})
    for found, wanted in zip(got, model.predict_proba(SOUNDS, rate=RATE), strict=True):
        np.testing.assert_allclose(found[: len(wanted)], wanted, atol=1e-5)
    assert texts(exported)["labels"] == ["v", "w"]


@pytest.mark.parametrize("bidirectional", [True, False])
def test_transcribe(bidirectional):
    model = Transcriber(**QUICK, bidirectional=bidirectional).fit(SOUNDS, ["ab", "ba", "a"], rate=RATE)
    exported = export.onnx(model)
    features, lengths = pad_frames([model.network_.front_end.frames(sound) for sound in SOUNDS])
    got, steps = run_onnx(exported, {"features": features.double().numpy(), "lengths": lengths.numpy()})
    wanted = model.log_probs(SOUNDS, RATE)
    assert steps.tolist() == [len(one) for one in wanted]
    for found, scores in zip(got, wanted, strict=True):
        np.testing.assert_allclose(found[: len(scores)], scores.numpy(), atol=1e-5)
    assert texts(exported)["symbols"] == model.symbols_


def test_transcribe_ink():
    ink = [[RANDOM.normal(size=(n, 2)).cumsum(0) for n in (4, 7)] for _ in range(4)]
    model = Transcriber(**QUICK).fit(ink, ["a", "b", "a", "b"])
    points, lengths = pad_frames([model.network_.front_end.frames(one) for one in ink])
    with torch.no_grad():
        features = model.network_.front_end(points, lengths)[0]
    got, steps = run_onnx(export.onnx(model), {"features": features.double().numpy(), "lengths": lengths.numpy()})
    for found, scores, n in zip(got, model.log_probs(ink), steps, strict=True):
        np.testing.assert_allclose(found[:n], scores.numpy(), atol=1e-5)


@pytest.mark.parametrize("crf", [False, True])
def test_tag_tokens(crf, tmp_path):
    (tmp_path / "a.vec").write_text("the 1 2\ncat 3 4\nhere 5 6\n")
    tags = [["B-X" if w == "the" else "I-X" if w == "cat" else "O" for w in sentence] for sentence in WORDS]
    model = Tagger(**QUICK, word_size=4, character_size=3, vectors=str(tmp_path / "a.vec"), crf=crf).fit(WORDS, tags)
    exported = export.onnx(model)
    given, lengths, _ = SentenceExamples(WORDS, model.vocabulary_, None, model.vectors_).batch(np.arange(len(WORDS)))
    feed = {name: value.numpy() for name, value in {**given, "lengths": lengths}.items()}
    *path, probabilities = run_onnx(exported, feed)
    for found, wanted in zip(probabilities, model.predict_proba(WORDS), strict=True):
        np.testing.assert_allclose(found[: len(wanted)], wanted, atol=1e-5)
    if crf:
        named = [[model.tags_[k] for k in row[:n]] for row, n in zip(path[0], lengths.tolist(), strict=True)]
        assert named == model.predict(WORDS)
    assert texts(exported)["words"] == model.vocabulary_.words


def test_tag_frames():
    tags = [["p" if value > 0 else "q" for value in x[:, 0]] for x in FRAMES]
    model = Tagger(**QUICK).fit(FRAMES, tags)
    x, lengths = pad_frames(FRAMES)
    (got,) = run_onnx(export.onnx(model), {"input": x.numpy(), "lengths": lengths.numpy()})
    for found, wanted in zip(got, model.predict_proba(FRAMES), strict=True):
        np.testing.assert_allclose(found[: len(wanted)], wanted, atol=1e-5)


def test_embed():
    model = SequenceAutoencoder(**QUICK, vector_size=2, num_layers=2).fit(FRAMES)
    x, lengths = pad_frames(FRAMES)
    vectors, again = run_onnx(export.onnx(model), {"input": x.numpy(), "lengths": lengths.numpy()})
    np.testing.assert_allclose(vectors, model.transform(FRAMES), atol=1e-5)
    for found, wanted in zip(again, model.reconstruct(FRAMES), strict=True):
        np.testing.assert_allclose(found[: len(wanted)], wanted, atol=1e-5)


OPTIONS = [
    {"tied": True, "embedding_size": 6, "cell": "gru"},
    {"tied": False, "num_layers": 2},
    {"tied": False, "adaptive": True, "hidden_size": 16},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_language_model_in_two_parts_of_a_text(options):
    model = LanguageModel(**{**QUICK, **options}, window=16).fit(TEXT)
    exported = export.onnx(model)
    units = model.tokens_.encode(TEXT[:80])[:, None]
    names = [value.name for value in exported.graph.input if value.name != "units"]
    widths = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim][1:] for v in exported.graph.input}
    states, found = {name: np.zeros((1, *widths[name]), np.float32) for name in names}, []
    for part in (units[:33], units[33:]):
        log_probs, *final = run_onnx(exported, {"units": part, **states})
        states = dict(zip(names, final, strict=True))
        found.append(log_probs[:, 0])
    told = np.concatenate(found)[:-1][np.arange(len(units) - 1), units[1:, 0]]
    np.testing.assert_allclose(told, model.log_probs(TEXT[:80])[1:], atol=1e-4)
    assert texts(exported)["tokens"] == model.tokens_.to_json()


def test_suggest():
    model = Suggester(**QUICK, window=8).fit(TEXT)
    numbers = numbers_of(["the", "cat", "xyz", "the"], model.names_)[:, None]
    exported = export.onnx(model)
    shapes = {v.name: [1, *[d.dim_value for d in v.type.tensor_type.shape.dim][1:]] for v in exported.graph.input}
    states = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "units"}
    log_probs, *_ = run_onnx(exported, {"units": numbers, **states})
    with torch.no_grad():
        wanted = model.network_.log_probs(model.network_(torch.from_numpy(numbers))[0])
    np.testing.assert_allclose(log_probs, wanted.numpy(), atol=1e-5)
    assert texts(exported)["words"] == model.names_


@pytest.mark.parametrize("options", [{}, {"shared": True, "num_layers": 1, "cell": "gru", "bidirectional": False}])
def test_translate_greedily_by_encoder_and_decoder(options, tmp_path, capsys):
    sources, targets = ["eins zwei", "zwei", "drei eins zwei"] * 6, ["one two", "two", "three one two"] * 6
    small = {**QUICK, "vocabulary": 270, "embedding_size": 5, "epochs": 3, "batch_size": 4}
    model = Translator(**small, beam=1, **options).fit(sources, targets)
    model.save(tmp_path)
    cli.main(["export", str(tmp_path), "--to", "onnx"])
    parts = [tmp_path / f"model-{part}.onnx" for part in ("encoder", "decoder")]
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith(".onnx")] == list(map(str, parts))
    encoder, decoder = map(onnx.load, parts)
    end = texts(encoder)["end"][1]
    for text, wanted in zip(sources[:3], model.translate(sources[:3]), strict=True):
        source, lengths, _, _ = model._examples(_pairs(text)).batch([0])
        given = {"source": source.numpy(), "source_lengths": lengths.numpy()}
        memory, first = run_onnx(encoder, given)
        names = [value.name for value in decoder.graph.input if value.name.startswith("state_")]
        wide = {v.name: v.type.tensor_type.shape.dim[2].dim_value for v in decoder.graph.input if v.name in names}
        states = {name: np.zeros((1, 1, wide[name]), np.float32) for name in names} | {"state_0": first}
        said, total = [end], 0.0
        while (len(said) == 1 or said[-1] != end) and len(said) <= 2 * int(lengths) + 10:
            feed = {"target": np.array([said[-1:]]), "memory": memory, "source_lengths": given["source_lengths"]}
            log_probs, _, *after = run_onnx(decoder, {**feed, **states})
            states = dict(zip(names, after, strict=True))
            last = len(said) == 2 * int(lengths) + 10
            said.append(end if last else int(log_probs[0, 0].argmax()))
            total += float(log_probs[0, 0, said[-1]])
        assert model.tokens_[1].decode(said[1:-1]).strip() == wanted[0].text
        assert total / ((5 + len(said) - 1) / 6) == pytest.approx(wanted[0].score, abs=1e-3)
    with pytest.raises(InputError, match="encoder, decoder"):
        export.onnx(model)
    with pytest.raises(InputError, match="encoder, decoder"):
        export.onnx(model, part="whole")


def _pairs(text):
    from keepgate.data.text.pairs import Pairs

    return Pairs([text], None)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_evolino(cell):
    table = pd.DataFrame({"ds": np.arange(90), "y": 3 + np.sin(0.4 * np.arange(90))})
    model = Evolino(cell=cell, hidden_size=4, epochs=5, batch_size=10, washout=20, horizon=10).fit(table)
    x = table["y"].to_numpy().reshape(1, -1, 1)
    (found,) = run_onnx(export.onnx(model), {"input": x})
    wanted = model.network_.run({"x": torch.tensor(x)}, "next").detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert model.predict(table)["y_hat"][0] == pytest.approx(found[0, -1, 0], abs=1e-3)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_control(cell):
    options = {"hidden_size": 4, "epochs": 1, "steps": 64, "window": 8, "episodes": 2, "progress": False}
    model = Controller(cell=cell, **options).fit("Pendulum-v1")
    x = np.random.default_rng(0).normal(size=(2, 7, 3))
    found = run_onnx(export.onnx(model), {"input": x})
    wanted = model.network_.run({"x": torch.from_numpy(x)}, "policy", "value")
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two.detach().numpy(), atol=1e-4, rtol=1e-4)


def test_every_task_is_exported_here_or_from_the_command_line():
    named = {name.split("_")[1] for name in globals() if name.startswith("test_")}
    assert {*TASKS} <= {*named, "classify", "forecast", "write"}
