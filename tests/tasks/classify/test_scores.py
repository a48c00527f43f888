"""Scores of classes, by hand."""

import numpy as np
import pytest

from keepgate.tasks.classify.scores import class_scores, each_class, roc_auc

TRUTH = np.array([0, 0, 0, 1])
CHANCES = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.3, 0.7]])


def test_accuracy_and_the_mean_f1_of_the_classes():
    scores = class_scores(TRUTH, CHANCES)
    assert scores["accuracy"] == 0.75
    assert scores["macro F1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)  # 2 TP / (2 TP + FP + FN)
    assert scores["ROC-AUC"] == 1.0  # 0.7 is above each of 0.1, 0.3, 0.6
    assert scores["ECE"] == pytest.approx((0.1 + 0.6 + 0.6) / 4)  # 0.9: 1; 0.7 twice: 2; 0.6: 0
    assert scores["AUC right/wrong"] == 1.0  # the wrong one, 0.6, is below the others


def test_each_class_by_itself():
    none, some, never = each_class(TRUTH, np.column_stack([CHANCES, np.zeros(4)]), ["none", "some", "never"])
    assert none == {
        **{"class": "none", "precision": 1.0, "recall": pytest.approx(2 / 3), "F1": pytest.approx(0.8)},
        **{"ROC-AUC": 1.0, "support": 3},
    }
    assert (some["precision"], some["recall"], some["support"]) == (0.5, 1.0, 1)
    assert (never["F1"], never["support"]) == (0.0, 0)
    assert np.isnan(never["ROC-AUC"])


def test_equal_chances_count_half():
    assert roc_auc(TRUTH, np.full((4, 2), 0.5)) == [0.5, 0.5]
