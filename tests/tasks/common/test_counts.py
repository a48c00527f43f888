"""Scores from counts of batches, beside scikit-learn's of the whole."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from keepgate.tasks.common.counts import SCORES, class_counts, f1


@pytest.mark.parametrize("classes", [2, 5])
def test_sums_over_batches_give_the_scores_of_the_whole(classes):
    random = np.random.default_rng(classes)
    truth, guess = random.integers(0, classes, (2, 60))
    truth[truth == 1] = 0  # a class that is guessed and never true
    pairs = [(torch.tensor(truth[k : k + 7]), torch.tensor(guess[k : k + 7])) for k in range(0, 60, 7)]
    parts = [class_counts(*pair, classes) for pair in pairs]
    sums = np.sum([part.numpy() for part in parts], axis=0, dtype=np.float64)
    assert SCORES["accuracy"](sums) == pytest.approx(accuracy_score(truth, guess))
    assert SCORES["macro-f1"](sums) == pytest.approx(f1_score(truth, guess, average="macro", zero_division=0))
    assert SCORES["f1"](sums) == pytest.approx(f1_score(truth, guess, average="micro"))


def test_a_class_that_is_not_known_is_never_right():
    counts = class_counts(torch.tensor([-1, 0, 1]), torch.tensor([1, 0, 1]), 2)
    assert counts.tolist() == [[1, 1, 0], [1, 1, 1], [1, 2, 0]]
    assert SCORES["accuracy"](counts.numpy()) == pytest.approx(2 / 3)


def test_f1_of_nothing_is_zero():
    assert f1(np.zeros((3, 1))) == 0.0
