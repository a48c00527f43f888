"""Parts to hold out in turn, and what networks answer of the part that each has not learned."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import SequenceClassifier, SequenceRegressor
from keepgate.data.sequences import Sequences
from keepgate.data.text.labelled import LabelledTexts
from keepgate.tasks.common.calibration import temperature
from keepgate.tasks.common.crossing import folds, parts_for, taken
from keepgate.tasks.regress.conformal import conformal_shift

RANDOM = np.random.default_rng(0)
CLASSES = ["a"] * 10 + ["b"] * 5 + ["c"]


def test_every_part_has_as_many_of_each_class():
    parts = folds(CLASSES, 5, seed=0)
    assert sorted(np.concatenate(parts)) == [*range(15)]  # the only c is never held out
    for part in parts:
        assert [CLASSES[i] for i in part].count("a") == 2
        assert [CLASSES[i] for i in part].count("b") == 1


def test_groups_stay_together():
    groups = [k // 2 for k in range(16)]
    for part in folds(["x", "y"] * 8, 3, seed=0, groups=groups):
        assert all(sum(groups[i] == groups[j] for j in part) == 2 for i in part)


@pytest.mark.parametrize(
    ("options", "count", "groups", "parts"),
    [
        ({}, 40, None, 3),  # nothing is held out
        ({}, 990, None, 3),
        ({}, 1_000, None, 0),  # a hundred are
        ({}, 1_000, [k // 2 for k in range(1_000)], 3),  # fifty groups are
        ({"hold_out": 0.0}, 40, None, 0),  # as is asked for
        ({"minutes": 1.0}, 40, None, 0),
        ({"folds": 0}, 40, None, 0),
        ({"folds": 7}, 1_000, None, 7),
    ],
)
def test_few_data_are_crossed(options, count, groups, parts):
    model = SequenceClassifier(**options)
    assert len(parts_for(model, count, [k % 2 for k in range(count)], groups)) == parts
    assert len(parts_for(model, count, None, groups)) == parts
    model.calibrating = False
    assert parts_for(model, count, None, groups) == []


def test_what_is_left_has_two_classes():
    assert len(parts_for(SequenceClassifier(), 4, ["a", "a", "a", "b"], [0, 0, 1, 2])) == 2


def test_examples_are_taken_with_all_that_belongs_to_them():
    series = Sequences(
        "abc", [np.full((1, 1), k) for k in range(3)], np.array(["x", "y", "z"]), ["1"], groups=[7, 8, 9]
    )
    some = taken(series, np.array([2, 0]))
    assert (some.ids, some.labels.tolist(), some.groups, some.times) == (["c", "a"], ["z", "x"], [9, 7], None)
    assert [value.item() for value in some.values] == [2, 0]
    texts = taken(LabelledTexts("abc", ["p", "q", "r"], None, ["g", "h", "h"]), np.array([1]))
    assert texts == LabelledTexts(["b"], ["q"], None, ["h"])
    assert taken([1, 2, 3], np.array([2, 1])) == [3, 2]


QUICK = {"epochs": 2, "hidden_size": 4, "progress": False}


@pytest.mark.parametrize("ensemble", [1, 2])
def test_few_sequences_are_calibrated_by_networks_fitted_besides(ensemble, tmp_path):
    X = [RANDOM.normal(size=(5, 1)) + k % 2 for k in range(24)]
    y = np.array(["odd" if k % 2 else "even" for k in range(24)])
    quick = {**QUICK, "ensemble": ensemble}
    model = SequenceClassifier(**quick).fit(X, y, run=tmp_path)
    chances, truth = np.zeros((24, 2)), (y == "odd").astype(int)
    for part in folds(y.tolist(), 3, 0):
        known = np.setdiff1d(np.arange(24), part)
        one = SequenceClassifier(**quick, folds=0).fit([X[i] for i in known], y[known])
        chances[part] = one.predict_proba([X[i] for i in part])
    assert model.temperature_ == pytest.approx(temperature(np.log(chances), truth), rel=1e-6)
    raw = SequenceClassifier(**quick, folds=0).fit(X, y)
    assert raw.temperature_ is None
    wanted = raw.predict_proba(X) ** (1 / model.temperature_)
    np.testing.assert_allclose(model.predict_proba(X), wanted / wanted.sum(1, keepdims=True), atol=1e-5)
    assert (tmp_path / "fold-3" / "metrics.jsonl").exists()


def test_weights_are_those_of_the_model(monkeypatch):
    X, y = [np.full((2, 1), k % 2) for k in range(12)], np.array([0, 1] * 6)
    seen = []
    monkeypatch.setattr(SequenceClassifier, "train_network", lambda self, *given, **more: seen.append(given[1]))
    monkeypatch.setattr(SequenceClassifier, "predict_proba", lambda self, X: np.full((len(X), 2), 0.5))
    SequenceClassifier(class_weight={0: 3.0, 1: 1.0}, folds=2).fit(X, y, sample_weight=np.arange(1, 13))
    every, *parts = (data.weights.tolist() for data in seen)
    assert every == [3, 2, 9, 4, 15, 6, 21, 8, 27, 10, 33, 12]
    assert sorted(parts[0] + parts[1]) == sorted(every)


def test_quantiles_of_few_sequences_are_moved_by_networks_fitted_besides():
    X = [RANDOM.normal(size=(5, 1)) for _ in range(120)]
    y = np.array([[x[0, 0], -5 * x[-1, 0]] for x in X])
    quick = {**QUICK, "quantiles": (0.2, 0.9)}
    model = SequenceRegressor(**quick).fit(X, y)
    raw = np.zeros((120, 2, 2))
    for part in folds([0] * 120, 3, 0):
        known = np.setdiff1d(np.arange(120), part)
        one = SequenceRegressor(**quick)
        one.calibrating = False
        raw[part] = one.fit([X[i] for i in known], y[known])._outputs([X[i] for i in part])[:, 1:]
    np.testing.assert_allclose(model.shift_, conformal_shift((0.2, 0.9), raw, y), rtol=1e-5)
    assert SequenceRegressor(**QUICK).fit(X, y).shift_ is None
