"""Parts to hold out in turn, and what networks answer of the part that each has not learned."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import SequenceClassifier
from keepgate.tasks.common.calibration import temperature
from keepgate.tasks.common.crossing import folds, held_out_answers

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


def test_answers_are_of_what_was_not_learned():
    parts = folds(CLASSES, 3, seed=1)
    logs, asked = held_out_answers(parts, 16, lambda k, known, part: np.eye(16)[part] * (not {*known} & {*part}))
    assert (logs.argmax(1) == asked).all()
    assert logs.min() == np.log(1e-12)


@pytest.mark.parametrize("ensemble", [1, 2])
def test_few_sequences_are_calibrated_by_networks_fitted_besides(ensemble, tmp_path):
    X = [RANDOM.normal(size=(5, 1)) + k % 2 for k in range(24)]
    y = np.array(["odd" if k % 2 else "even" for k in range(24)])
    quick = {"epochs": 2, "hidden_size": 4, "progress": False}
    model = SequenceClassifier(**quick, folds=3, ensemble=ensemble).fit(X, y, run=tmp_path)
    chances, truth = np.zeros((24, 2)), (y == "odd").astype(int)
    for part in folds(y.tolist(), 3, 0):
        known = np.setdiff1d(np.arange(24), part)
        one = SequenceClassifier(**quick, hold_out=0.0).fit([X[i] for i in known], y[known])
        chances[part] = one.predict_proba([X[i] for i in part])
    assert model.temperature_ == pytest.approx(temperature(np.log(chances), truth), rel=1e-6)
    raw = SequenceClassifier(**quick, ensemble=ensemble).fit(X, y)
    assert raw.temperature_ is None
    wanted = raw.predict_proba(X) ** (1 / model.temperature_)
    np.testing.assert_allclose(model.predict_proba(X), wanted / wanted.sum(1, keepdims=True), atol=1e-5)
    assert (tmp_path / "fold-3" / "metrics.jsonl").exists()
