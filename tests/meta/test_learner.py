from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.meta import MetaLearner
from keepgate.meta.families import FAMILIES

SMALL = {"hidden_size": 12, "epochs": 2, "functions": 256, "shown": 10, "progress": False}


@pytest.fixture(scope="module")
def learner():
    return MetaLearner(**SMALL).fit("quadratic")


def functions(examples=9, batch=3, seed=5):
    return FAMILIES["quadratic"](examples, batch, np.random.default_rng(seed))


def test_a_prediction_in_context_is_that_of_running_the_whole_sequence_again(learner):
    x, y = functions()
    said = learner._said(x, y)
    for b in range(3):
        for t in (0, 1, 8):
            function = learner.learn(x[:t, b], y[:t, b])
            assert function.predict(x[t, b]) == pytest.approx(said[t, b], rel=1e-5, abs=1e-6)


def test_a_step_is_that_of_the_equations_written_in_numpy(learner):
    x, y = functions(5, 1)
    w = learner.network_.arrays()
    h = c = np.zeros(12)
    last = np.zeros(1)
    for u, target in zip(x[:, 0], y[:, 0], strict=True):
        read = np.concatenate([(u - w["inputs.mean"]) / w["inputs.scale"], last])
        gates = w["recurrent.weight_ih_l0"] @ read + w["recurrent.weight_hh_l0"] @ h
        gates = gates + w["recurrent.bias_ih_l0"] + w["recurrent.bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        last = (target - w["targets.mean"]) / w["targets.scale"]
    said = (w["output.weight"] @ h + w["output.bias"]) * w["said.scale"] + w["said.mean"]
    assert learner.learn(x[:4, 0], y[:4, 0]).predict(x[4, 0]) == pytest.approx(said, rel=1e-4, abs=1e-5)


def test_saved_and_loaded_it_says_the_same(learner, tmp_path):
    learner.save(tmp_path / "model")
    again = MetaLearner.load(tmp_path / "model")
    x, y = functions()
    assert np.array_equal(again._said(x, y), learner._said(x, y))
    assert again.family_ is FAMILIES["quadratic"]
    assert again.get_params() == learner.get_params() | {"device": again.device}


def test_the_family_of_a_user_is_not_in_the_file(tmp_path):
    def mine(examples, batch, random):
        x = random.normal(size=(examples, batch, 3))
        return x, x[..., :2] * random.normal(size=(batch, 1))

    learner = MetaLearner(**SMALL).fit(mine)
    assert learner.learn(np.ones((2, 3)), np.ones((2, 2))).predict(np.ones((4, 3))).shape == (4, 2)
    learner.save(tmp_path)
    again = MetaLearner.load(tmp_path)
    with pytest.raises(InputError, match="the family that this model was trained on is not in its file: give it"):
        again.curve()
    assert again.curve(mine, functions=20).errors["lstm"].shape == (40,)
    with pytest.raises(
        InputError, match=re.escape("family sine has 1 inputs, 1 outputs, 0 classes; expected 3 inputs")
    ):
        again.curve("sine")


def test_training_changes_no_number_drawn_for_tests(learner):
    """Functions of a test are those of no epoch, whatever the seed of the model is."""
    from keepgate.meta.examples import FamilyExamples

    x, _ = learner._tested(None, 10, 64)
    for part in (0, 1):
        data = FamilyExamples(FAMILIES["quadratic"], 64, 10, (0, part))
        seen = data.batch(np.arange(64))[0].numpy().swapaxes(0, 1)
        assert not np.isin(x, seen).any()


def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    class Stop(Exception):
        pass

    def stop(row, _):
        if row["epoch"] == 2:
            raise Stop

    options = {**SMALL, "epochs": 4}
    whole = MetaLearner(**options).fit("sine")
    with pytest.raises(Stop):
        MetaLearner(**options).fit("sine", run=tmp_path, callbacks=[stop])
    resumed = MetaLearner(**options).fit("sine", run=tmp_path)
    for name, value in whole.network_.state_dict().items():
        assert torch.equal(value, resumed.network_.state_dict()[name])


def test_classes_are_told_with_probabilities(tmp_path):
    learner = MetaLearner(**SMALL).fit("boolean")
    function = learner.learn([[0, 0], [1, 1]], [0, 1])
    probabilities = function.predict_proba([[0, 0], [0, 1], [1, 1]])
    assert probabilities.sum(1) == pytest.approx(1)
    assert np.array_equal(function.predict([[0, 0], [0, 1], [1, 1]]), probabilities.argmax(1))
    curve = learner.curve(functions=50)
    assert set(curve.errors) == {"lstm", "last value", "nearest neighbour"}


def test_the_network_is_exported_whole(learner):
    onnxruntime = pytest.importorskip("onnxruntime")
    from keepgate.export import onnx

    session = onnxruntime.InferenceSession(onnx(learner).SerializeToString())
    x, y = functions()
    last = np.concatenate([np.broadcast_to(learner.network_.targets.mean.numpy(), y[:1].shape), y[:-1]])
    (said,) = session.run(None, {"input": x.swapaxes(0, 1), "last": last.swapaxes(0, 1)})
    assert said.swapaxes(0, 1) == pytest.approx(learner._said(x, y), rel=1e-4, abs=1e-5)


@pytest.mark.slow
def test_quadratics_are_learned_within_the_activations():
    learner = MetaLearner(epochs=12, progress=False).fit("quadratic")
    error = learner.curve(functions=2_000).errors["lstm"]
    assert error[30] < 0.04
    assert error[30] < 0.3 * learner.curve().errors["ridge regression"][30]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"shown": 0}, "shown=0"),
        ({"functions": 0}, "functions=0"),
        ({"cell": "lstn"}, "unknown cell 'lstn'"),
    ],
)
def test_parameters_that_are_not_possible_are_named(options, said):
    with pytest.raises(InputError, match=re.escape(said)):
        MetaLearner(**{**SMALL, **options}).fit("linear")


def test_before_fit_it_says_so():
    with pytest.raises(InputError, match="this MetaLearner is not fitted yet"):
        MetaLearner().learn([[0.0]], [0.0])


def test_parameters_need_no_torch():
    import subprocess

    code = "import sys, keepgate.meta.parameters, keepgate.meta.families; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
