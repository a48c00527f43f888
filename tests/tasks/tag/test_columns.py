"""Several columns of tags: learned together, read and written by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from keepgate import Tagger, cli, export
from keepgate.data.text.sentences import Sentences, read_sentences
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.tag.columns import TagColumn, weights_of
from keepgate.tasks.tag.scores import span_scores, token_scores
from keepgate.tasks.tag.writing import as_conll, as_json_lines
from tasks.tag.data import SMALL, after_a_switch

QUICK = {**SMALL, "epochs": 15, "learning_rate": 0.02, "dropout": 0.0, "hidden_size": 16}


def two_columns(count, seed=0):
    """What `after_a_switch` asks for, and spans of a word each, told by its first letter."""
    X, y = after_a_switch(count, seed)
    return X, {"when": y, "span": [["B-v" if word[0] in "bdfkl" else "O" for word in row] for row in X]}


@pytest.fixture(scope="module")
def both():
    return Tagger(**QUICK).fit(*two_columns(120))


def test_one_network_learns_all_columns(both):
    X, y = two_columns(40, seed=1)
    found = both.predict(X)
    assert list(found) == ["when", "span"]
    assert token_scores(y["when"], found["when"])[""]["F1"] > 0.85
    assert span_scores(y["span"], found["span"])[""]["F1"] > 0.85
    each = [token_scores(y["when"], found["when"])[""]["F1"], span_scores(y["span"], found["span"])[""]["F1"]]
    assert both.score(X, y) == pytest.approx(np.mean(each))
    assert [column.crf for column in both.tag_columns_] == [False, True]
    assert all(column.temperature is not None for column in both.tag_columns_)
    chances = both.predict_proba(X)
    for column in both.tag_columns_:
        assert {row.shape[1] for row in chances[column.name]} == {len(column.tags)}
        np.testing.assert_allclose(np.concatenate(chances[column.name]).sum(1), 1, rtol=1e-5)


def test_the_loss_is_the_sum_of_what_each_column_loses(both):
    X, y = two_columns(3)
    inputs, lengths, targets = both._examples(X, y).batch(np.arange(3))
    assert targets.shape == (3, 7, 2)
    network = both.network_
    with torch.no_grad():
        whole = network.loss((inputs, lengths, targets))
        scores, _ = network.scan_all(inputs, lengths)
        softmax = torch.nn.functional.cross_entropy(scores[0].flatten(0, 1), targets[:, :, 0].flatten())
        field = network.field(1)(scores[1], targets[:, :, 1], lengths).sum() / lengths.sum()
    assert whole.item() == pytest.approx((softmax + field).item(), rel=1e-5)


def test_a_model_file_keeps_all_columns(both, tmp_path):
    both.save(tmp_path)
    again = Tagger.load(tmp_path)
    X, _ = two_columns(5, seed=2)
    assert again.predict(X) == both.predict(X)
    assert again.state_to_json() == both.state_to_json()


def test_an_exported_model_has_all_columns(both):
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    X, _ = two_columns(3, seed=2)
    inputs, lengths, _ = both._examples(X).batch(np.arange(3))
    session = ort.InferenceSession(export.onnx(both).SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {name: value.numpy() for name, value in {**inputs, "lengths": lengths}.items()}
    names = [output.name for output in session.get_outputs()]
    assert names == ["probabilities", "tags_1", "probabilities_1"]
    found = dict(zip(names, session.run(None, feed), strict=True))
    chances = both.predict_proba(X)
    for name, column in (("probabilities", "when"), ("probabilities_1", "span")):
        for row, wanted in zip(found[name], chances[column], strict=True):
            np.testing.assert_allclose(row[: len(wanted)], wanted, atol=1e-5)
    path = [[both.tag_columns_[1].tags[k] for k in row[:7]] for row in found["tags_1"]]
    assert path == both.predict(X)["span"]


def test_files_have_columns_and_so_have_predictions(tmp_path):
    X, y = two_columns(20)
    rows = ["".join(map("{}\t{}\t_\t{}\n".format, *row)) for row in zip(X, y["span"], y["when"], strict=True)]
    (tmp_path / "a.conll").write_text("\n".join(rows))
    where = [str(tmp_path / "a.conll"), "--out", str(tmp_path / "run")]
    assert cli.main(["fit", "tag", *where, "--further-columns", "2", "--epochs", "1", "--hidden-size", "4"]) == 0
    tagger = Tagger.load(tmp_path / "run")
    assert [column.name for column in tagger.tag_columns_] == ["tag", "2"]
    data = face(tagger).read_alike(tmp_path / "a.conll")
    assert (data.tags, data.further) == (y["when"], {"2": y["span"]})
    scores = face(tagger).evaluate(data)
    assert [row["column"] for row in scores if row["model"] == "lstm"] == ["tag", "2"]
    assert [isinstance(row["span F1"], float) for row in scores if row["model"] == "lstm"] == [False, True]
    titles = [section.title for section in face(tagger).report(data, None)]
    assert "Confusion on the training data of column 2" in titles
    table = face(tagger).table(face(tagger).read_alike(tmp_path / "a.conll", labelled=False))
    found = tagger.predict(X)
    (tmp_path / "b.conll").write_bytes(as_conll(table))
    again = read_sentences(tmp_path / "b.conll", further_columns=("2",))
    assert (again.tokens, again.tags, again.further) == (X, found["tag"], {"2": found["2"]})
    (tmp_path / "b.jsonl").write_bytes(as_json_lines(table))
    again = read_sentences(tmp_path / "b.jsonl", further_columns=("2",))
    assert (again.tokens, again.tags, again.further) == (X, found["tag"], {"2": found["2"]})


@pytest.mark.parametrize(
    ("name", "text", "column", "words"),
    [
        ("a.conll", "a\tX\nb\tY\n", "3", "line 1: no tag in column 3 of 2"),
        ("a.conll", "a\tX\nb\tY\n", "entity", "further_columns='entity' is no column: they are counted from 1"),
        ("a.conll", "a\tX\nb\tY\n", "0", "further_columns=0 is no column"),
        ("a.jsonl", json.dumps({"tokens": ["a"], "tags": ["X"]}), "pos", "line 1: no list of texts under 'pos'"),
        (
            "a.jsonl",
            json.dumps({"tokens": ["a"], "tags": ["X"], "pos": ["X", "Y"]}),
            "pos",
            "line 1: 1 tokens but 2 of 'pos'",
        ),
    ],
)
def test_columns_that_a_file_lacks_are_named(tmp_path, name, text, column, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_sentences(tmp_path / name, further_columns=(column,))


def test_columns_that_data_lack_are_named(both):
    X, y = two_columns(3)
    with pytest.raises(InputError, match="there is no column 'span' of tags; there are 'when'"):
        both.score(X, {"when": y["when"]})
    with pytest.raises(InputError, match="y names no column"):
        Tagger(**SMALL).fit(X, {})
    with pytest.raises(InputError, match="there is no column 'when'"):
        both.score(Sentences(X, y["when"], further={"span": y["span"]}))


def test_balanced_weights_are_of_every_column_and_named_ones_of_the_first():
    columns = [TagColumn.of(name, None, [[*tags]], None) for name, tags in (("a", "XXXY"), ("b", "PPPPQ"))]
    first, second = weights_of(columns, "balanced")
    np.testing.assert_allclose(first, [4 / (2 * 3), 4 / 2])
    np.testing.assert_allclose(second, [5 / (2 * 4), 5 / 2])
    first, second = weights_of(columns, {"Y": 3})
    assert (first.tolist(), second) == ([1, 3], None)
