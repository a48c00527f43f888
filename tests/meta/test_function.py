from __future__ import annotations

import re

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.meta import MetaLearner

SMALL = {"hidden_size": 7, "epochs": 1, "functions": 64, "shown": 6, "progress": False}


@pytest.fixture(scope="module", params=["lstm", "gru", "peephole_lstm"])
def learner(request):
    return MetaLearner(**SMALL, cell=request.param, num_layers=2).fit("quadratic")


def test_one_by_one_and_together_examples_leave_the_same_bits(learner):
    random = np.random.default_rng(0)
    X, y, queries = random.normal(size=(33, 2)), random.normal(size=33), random.normal(size=(5, 2))
    together, one_by_one, in_parts = (learner.learn(X[:0], y[:0]) for _ in range(3))
    together.learn(X, y)
    for x, target in zip(X, y, strict=True):
        one_by_one.learn(x, target)
    in_parts.learn(X[:4], y[:4]).learn(X[4:], y[4:])
    assert together.count == one_by_one.count == in_parts.count == 33
    for other in (one_by_one, in_parts):
        assert all(np.array_equal(a, b) for a, b in zip(together._state, other._state, strict=True))
        assert np.array_equal(together.predict(queries), other.predict(queries))


def test_a_prediction_changes_nothing_and_functions_know_nothing_of_each_other(learner):
    weights = {name: value.clone() for name, value in learner.network_.state_dict().items()}
    first, second = learner.learn([[0.0, 1.0]], [1.0]), learner.learn([[0.0, 1.0]], [1.0])
    before = first.predict([[0.5, 0.5]])
    second.learn([[1.0, 1.0]], [-5.0])
    first.predict(np.ones((9, 2)))
    assert np.array_equal(first.predict([[0.5, 0.5]]), before)
    assert not np.array_equal(second.predict([[0.5, 0.5]]), before)
    assert all((weights[name] == value).all() for name, value in learner.network_.state_dict().items())


def test_several_queries_are_each_by_themselves(learner):
    function = learner.learn([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])
    queries = np.random.default_rng(1).normal(size=(6, 2))
    each = np.concatenate([function.predict(query) for query in queries])
    assert function.predict(queries) == pytest.approx(each, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        ([[0.0, 1.0, 2.0]], [1.0], "X has the shape [1, 3], expected [examples, 2]"),
        ([0.0, 1.0, 2.0], [1.0], "X has the shape [3], expected [examples, 2]"),
        ([[0.0, np.nan]], [1.0], "X at [0, 1] is nan, no finite number"),
        ([[0.0, 1.0]], [np.inf], "y at [0] is inf, no finite number"),
        ([[0.0, 1.0]], [1.0, 2.0], "1 inputs X have 2 targets y"),
        ([["a", "b"]], [1.0], "X is no array of numbers: could not convert string to float: 'a'"),
    ],
)
def test_what_is_wrong_with_examples_is_named_and_nothing_is_learned(learner, X, y, said):
    function = learner.learn([[0.0, 1.0]], [1.0])
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        function.learn(X, y)
    assert function.count == 1


def test_classes_that_there_are_not_are_named():
    function = MetaLearner(**SMALL).fit("boolean").learn([[0, 1]], [1])
    with pytest.raises(InputError, match="y: 2 at 1 is no class from 0 to 1"):
        function.learn([[0, 1], [1, 1]], [0, 2])


def test_numbers_have_no_probabilities(learner):
    with pytest.raises(InputError, match="predict_proba is for functions of classes"):
        learner.learn([[0.0, 1.0]], [1.0]).predict_proba([[0.0, 1.0]])
