"""Scores of classes, by hand."""

import numpy as np
import pytest

from keepgate.tasks.classify.scores import class_scores


def test_accuracy_and_the_mean_f1_of_the_classes():
    scores = class_scores(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    assert scores["accuracy"] == 0.75
    assert scores["macro F1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)  # 2 TP / (2 TP + FP + FN)
