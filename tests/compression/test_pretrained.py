"""A byte language model as what the LSTM begins with: the same predictions, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import keepgate
from compression.digest import text
from keepgate import LanguageModel, store
from keepgate.compression.pretrained import Pretrained
from keepgate.errors import InputError
from keepgate.native import Predictor

CONFIG = {"task": "write", "parameters": {"units": "bytes", "cell": "lstm", "adaptive": False}}
DATA = text(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two layers, trained on a like text."""
    folder = tmp_path_factory.mktemp("run")
    sizes = {"hidden_size": 24, "embedding_size": 8, "num_layers": 2, "window": 20, "batch_size": 4, "epochs": 4}
    model = LanguageModel(units="bytes", **sizes, dropout=0.0, weight_drop=0.0, threads=1, progress=False)
    model.fit(text(6000)).save(folder)
    return folder


def test_begins_as_the_model_says(run):
    """With no step of learning its probabilities are those of the language model, through the whole text."""
    begin = Pretrained.read(run)
    still = begin.shape._replace(rate=0.0, last_rate=0.0)
    predictor = Predictor(len(DATA), contexts=False, shape=still, weights=begin.weights)
    wanted = np.exp(LanguageModel.load(run).log_probs(DATA))
    found = []
    for byte in DATA:
        found.append(predictor.learned()[byte])
        predictor.follow(np.array([byte], np.uint8))
    assert np.abs(np.array(found[1:]) - wanted[1:]).max() < 1e-4  # before the first byte it has no state


def test_there_and_back_and_smaller(run):
    archive = keepgate.compress(DATA, model=run)
    assert keepgate.decompress(archive, model=run) == DATA
    assert len(archive) < len(keepgate.compress(DATA))


def test_the_wrong_model_or_none(run, tmp_path):
    config, tensors = store.read_model(run)
    store.write_model(tmp_path / "other", config, tensors | {"output.bias": tensors["output.bias"] + 1})
    archive = keepgate.compress(DATA, model=run)
    with pytest.raises(InputError, match=r"^the archive was packed with a model: name the one it was packed with$"):
        keepgate.decompress(archive)
    with pytest.raises(InputError, match=r"^the archive was packed with another model: name the one it was"):
        keepgate.decompress(archive, model=tmp_path / "other")
    with pytest.raises(InputError, match=r"^the archive was packed with no model: leave the model out$"):
        keepgate.decompress(keepgate.compress(b"x"), model=run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "classify"}, "has task 'classify', where compression begins with write"),
        ({"parameters": {"units": "characters", "cell": "lstm", "adaptive": False}}, "has units 'characters'"),
        ({"parameters": {"units": "bytes", "cell": "gru", "adaptive": False}}, "has cell 'gru'"),
        ({"parameters": {"units": "bytes", "cell": "lstm", "adaptive": True}}, "has adaptive True"),
    ],
)
def test_models_that_do_not_fit(tmp_path, change, words):
    store.write_model(tmp_path, CONFIG | change, {})
    with pytest.raises(InputError, match=words):
        keepgate.compress(DATA, model=tmp_path)


def test_tensors_that_do_not_fit(run, tmp_path):
    _, tensors = store.read_model(run)
    changes = {
        "output.bias": tensors["output.bias"][:255],
        "embedding.weight": tensors["embedding.weight"][:, :7],
        "recurrent.weight_hh_l1": tensors["recurrent.weight_hh_l1"][:, :5],
        "recurrent.bias_ih_l0": np.full_like(tensors["recurrent.bias_ih_l0"], np.nan),
    }
    for name, tensor in changes.items():
        store.write_model(tmp_path, CONFIG, tensors | {name: tensor})
        with pytest.raises(InputError, match=r"does not hold the tensors|no finite numbers"):
            keepgate.compress(DATA, model=tmp_path)
    store.write_model(tmp_path, CONFIG, {})
    with pytest.raises(
        InputError, match=r"does not hold the tensors of an LSTM that reads and writes bytes: the embedding or"
    ):
        keepgate.compress(DATA, model=tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        keepgate.compress(DATA, model=tmp_path / "absent")
