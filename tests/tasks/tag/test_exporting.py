"""What an exported tagger says of itself, and that ONNX Runtime gives the probabilities of each column."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keepgate import Tagger
from keepgate.export import onnx as export
from keepgate.tasks.tag.examples import SentenceExamples
from tasks.tag.data import SMALL


def test_the_file_has_an_output_for_each_column_and_names_its_tags(spans_of_words, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X, spans = spans_of_words
    kinds = [["verb" if tag == "O" else "name" for tag in row] for row in spans]
    model = Tagger(**SMALL).fit(X, {"span": spans, "kind": kinds})
    export(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["tags"]) == model.tags_
    assert json.loads(about["tags_1"]) == ["name", "verb"]
    assert json.loads(about["words"]) == model.vocabulary_.words
    assert [output.name for output in session.get_outputs()] == ["tags", "probabilities", "probabilities_1"]
    given, lengths, _ = SentenceExamples(X, model.vocabulary_).batch(np.arange(len(X)))
    path, _, found = session.run(None, {name: x.numpy() for name, x in {**given, "lengths": lengths}.items()})
    assert [[model.tags_[k] for k in row[:n]] for row, n in zip(path, lengths, strict=True)] == model.predict(X)["span"]
    for row, wanted in zip(found, model.predict_proba(X)["kind"], strict=True):
        np.testing.assert_allclose(row[: len(wanted)], wanted, atol=1e-5)
