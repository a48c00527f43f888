import dataclasses

import numpy as np
import pytest
import torch
from sklearn.base import clone

from keepgate.errors import BackendError, InputError
from keepgate.tasks import TASKS, estimator_class
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.common.parameters import parameters
from keepgate.tasks.common.sequences import SequenceExamples
from keepgate.training import Settings
from tasks.tiny import TINY, fit


@pytest.mark.parametrize("task", TASKS)
def test_every_estimator_has_legal_defaults_that_reach_the_trainer(task):
    estimator = estimator_class(task)()
    assert task == estimator.TASK
    estimator.check_parameters()
    named = {f.name for f in dataclasses.fields(Settings)} & {*estimator.get_params(deep=False)} - {"window"}
    values = {name: getattr(estimator, name) for name in named}
    assert estimator.settings() == Settings(**values | {"epochs": values["epochs"] or estimator.PASSES[0]})
    assert {"epochs", "batch_size", "optimizer", "seed"} < set(estimator.get_params())
    assert all(meta["help"] for _, _, meta in parameters(type(estimator)))


@pytest.mark.parametrize("task", TASKS)
def test_clone_and_set_params_keep_to_the_parameters(task):
    estimator = estimator_class(task)(hidden_size=7).set_params(epochs=3)
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()
    assert (copy.hidden_size, copy.epochs) == (7, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"dropout": 1.5}, "dropout=1.5"),
        ({"seed": 2**40}, "seed="),
        ({"cell": "nope"}, "unknown cell 'nope'"),
        ({"cell": "time_aware_lstm"}, "needs the step inputs elapsed"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used here"),
        ({"device": "abacus"}, "device 'abacus' cannot be used here"),
    ],
)
def test_wrong_parameters_stop_a_fit_before_it_starts(values, message, tmp_path):
    with pytest.raises(InputError) as caught:
        SequenceClassifier(**values).fit(np.eye(4), [0, 1, 0, 1], run=tmp_path / "run")
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuDNN can run here")
def test_an_engine_that_cannot_run_says_why():
    with pytest.raises(BackendError, match="no CUDA device"):
        SequenceClassifier(backend="cudnn", epochs=1).fit(np.eye(4), [0, 1, 0, 1])


def test_numpy_numbers_as_parameters_fit_and_save(tmp_path):
    options = {"hidden_size": np.int64(3), "epochs": np.int64(2), "learning_rate": np.float32(0.01)}
    SequenceClassifier(**options).fit(np.eye(4), [0, 1, 0, 1]).save(tmp_path)
    assert SequenceClassifier.load(tmp_path).hidden_size == 3


def test_fit_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SequenceClassifier(epochs=1, hidden_size=3).fit(np.eye(4), [0, 1, 0, 1])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("task", TASKS)
def test_callbacks_look_on_at_every_task(task, tmp_path):
    name = next(name for name, tiny in TINY.items() if tiny.task == task)
    seen = []
    estimator, _ = fit(name, tmp_path, callbacks=[lambda row, network: seen.append((row["epoch"], network))])
    assert seen == [(1, estimator.network_)]


@pytest.mark.parametrize(
    ("examples", "passes"), [(1, 500), (48, 500), (160, 150), (1_600, 20), (20_000, 20), (100_000, 5)]
)
def test_few_examples_are_read_more_often(examples, passes):
    classifier, data = SequenceClassifier(batch_size=16), SequenceExamples([np.zeros((1, 1))] * examples)
    assert classifier.passes(data) == passes
    assert classifier.set_params(epochs=7).passes(data) == 7
