"""The table of tasks: estimators and faces by name, and models from their folders."""

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.meta import MetaLearner, UpdateRule
from keepgate.meta.problems import quadratics
from keepgate.tasks import TASKS, estimator_class, face, load, parameters_class
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.common.parameters import parameters


def test_an_unknown_task_is_told():
    with pytest.raises(InputError, match="unknown task 'juggle'; there are classify, control, embed, evolino, "):
        estimator_class("juggle")


@pytest.mark.parametrize("task", TASKS)
def test_an_estimator_has_the_parameters_that_its_task_declares(task):
    declared, kind = parameters_class(task), estimator_class(task)
    assert issubclass(kind, declared)
    assert parameters(kind) == parameters(declared)
    assert all(line.startswith("  keepgate fit ") for line in declared.examples.splitlines())


def test_load_finds_the_task_and_refuses_another(tmp_path):
    SequenceClassifier(epochs=1, hidden_size=3).fit(np.eye(4), [0, 1, 0, 1]).save(tmp_path)
    assert isinstance(load(tmp_path), SequenceClassifier)
    with pytest.raises(InputError, match="holds a model for 'classify', not for 'forecast'"):
        estimator_class("forecast").load(tmp_path)


def test_load_finds_the_models_that_are_used_in_python_and_commands_refuse_them(tmp_path):
    MetaLearner(hidden_size=3, epochs=1, functions=8, shown=3).fit("linear").save(tmp_path / "learner")
    UpdateRule(hidden_size=3, epochs=1, problems=2, steps=4, window=2).fit(quadratics(2)).save(tmp_path / "rule")
    found = [load(tmp_path / name) for name in ("learner", "rule")]
    assert [type(one) for one in found] == [MetaLearner, UpdateRule]
    for one in found:
        with pytest.raises(InputError, match=f"a {type(one).__name__}, which no command can use: load it in Python"):
            face(one)
