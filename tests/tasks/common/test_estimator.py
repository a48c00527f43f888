import dataclasses

import numpy as np
import pytest
import torch
from sklearn.base import clone

from keepgate.errors import BackendError, InputError
from keepgate.tasks import TASKS, estimator_class, load
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.common.parameters import check_parameters, param, parameters
from keepgate.training import Settings


@dataclasses.dataclass
class Options:
    count: int = param(3, "how many", minimum=1, maximum=1_000_000)
    share: float | None = param(None, "which part", minimum=0, maximum=1)
    kind: str = param("a", "which one", choices=("a", "b"))
    parts: tuple[float, ...] = param((0.1, 0.9), "which quantiles", minimum=0, maximum=1)
    fast: bool = param(True, "whether")


def check(**values):
    check_parameters(Options(**values))


def test_parameters_carry_type_help_and_default():
    found = {name: (kind, meta["help"], meta["default"]) for name, kind, meta in parameters(Options)}
    assert found["count"] == (int, "how many", 3)
    assert found["share"] == (float | None, "which part", None)
    assert list(found) == ["count", "share", "kind", "parts", "fast"]


@pytest.mark.parametrize(
    "values",
    [{}, {"count": np.int32(5)}, {"share": 0}, {"share": np.float32(0.5)}, {"parts": [0.5]}, {"fast": np.bool_(False)}],
)
def test_legal_values_pass(values):
    check(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count=0 is not at least 1"),
        ({"count": 10**9}, "count=1000000000 is not at most 1,000,000"),
        ({"count": 10**5000}, "count=<int> is not at most 1,000,000"),
        ({"count": 2.0}, "count=2.0 is not of type int"),
        ({"count": True}, "count=True is not of type int"),
        ({"count": None}, "count=None is not of type int"),
        ({"share": 1.5}, "share=1.5 is not at most 1"),
        ({"share": float("nan")}, "share=nan is no finite number"),
        ({"share": "0.5"}, "share='0.5' is not of type float"),
        ({"kind": "c"}, "kind='c' is none of a, b"),
        ({"parts": 0.5}, "parts=0.5 is no tuple"),
        ({"parts": (0.5, 2)}, "parts=2 is not at most 1"),
        ({"fast": 1}, "fast=1 is not of type bool"),
    ],
)
def test_wrong_values_are_told(values, message):
    with pytest.raises(InputError) as caught:
        check(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_every_estimator_has_legal_defaults_that_reach_the_trainer(task):
    estimator = estimator_class(task)()
    assert estimator.task == task
    estimator.check_parameters()
    assert estimator.settings() == Settings(
        **{
            f.name: getattr(estimator, f.name)
            for f in dataclasses.fields(Settings)
            if f.name in estimator.get_params(deep=False)
        }
    )
    assert {"epochs", "batch_size", "optimizer", "seed"} < set(estimator.get_params())
    assert all(meta["help"] for _, _, meta in parameters(type(estimator)))


@pytest.mark.parametrize("task", TASKS)
def test_clone_and_set_params_keep_to_the_parameters(task):
    estimator = estimator_class(task)(hidden_size=7).set_params(epochs=3)
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()
    assert (copy.hidden_size, copy.epochs) == (7, 3)


def test_an_unknown_task_is_told():
    with pytest.raises(InputError, match="unknown task 'juggle'; there are classify, embed, forecast"):
        estimator_class("juggle")


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


def test_load_finds_the_task_and_refuses_another(tmp_path):
    SequenceClassifier(epochs=1, hidden_size=3).fit(np.eye(4), [0, 1, 0, 1]).save(tmp_path)
    assert isinstance(load(tmp_path), SequenceClassifier)
    with pytest.raises(InputError, match="holds a model for 'classify', not for 'forecast'"):
        estimator_class("forecast").load(tmp_path)


@pytest.mark.parametrize(("threads", "inside"), [(1, 1), (np.int64(2), 2), (None, 3)])
def test_threads_are_set_for_the_work_only(threads, inside):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with SequenceClassifier(threads=threads).limited_threads():
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
