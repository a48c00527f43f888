"""The counting language by evolved cells: its strings, the machines against scikit-learn's, and how far it counts."""

from __future__ import annotations

import evolino_counting as counting
import numpy as np
import pytest
from sklearn.svm import SVC


def test_the_machines_are_those_of_a_hard_margin():
    random = np.random.default_rng(0)
    states = random.normal(size=(60, 5)) * [1, 10, 0.1, 1e-4, 3] + [0, 5, 0, 1, -2]
    centred = (states - states.mean(0)) / states.std(0)
    score = centred @ [1.0, -0.5, 0.3, 0.8, 0.0]
    clear = abs(score) > 0.2
    states, truth = states[clear], score[clear] > 0
    [(weights, bias)] = counting.solved(states, truth[:, None])
    own = states @ weights + bias
    assert (np.where(truth, 1, -1) * own).min() == pytest.approx(1, abs=1e-9)
    scaled = (states - states.mean(0)) / states.std(0)
    machine = SVC(kernel="linear", C=1e10, tol=1e-9).fit(scaled, truth)
    assert own == pytest.approx(machine.decision_function(scaled), rel=2e-2, abs=2e-2)  # the bias costs a little here


def test_what_cannot_be_divided_gives_no_answer():
    states = np.array([[0.0], [1.0], [2.0]])
    [(weights, bias)] = counting.solved(states, np.array([[True], [False], [True]]))
    assert weights.tolist() == [0.0]
    assert bias == 0.0


def test_what_can_follow_in_a_string():
    read, said, real = counting.strings([1, 2])
    letters = np.array(list(counting.READ))[read.argmax(2)]
    assert ["".join(letters[real[:, k], k]) for k in range(2)] == ["Sabc", "Saabbcc"]
    follow = [{s for s, can in zip(counting.SAID, row, strict=True) if can} for row in said[:, 1]]
    assert follow == [{"a"}, {"a", "b"}, {"a", "b"}, {"b"}, {"c"}, {"c"}, {"T"}]


def test_trained_on_ten_it_counts_to_a_hundred():
    counters = counting.Counters(15)
    best = counting.search(counters, 10, seed=0, generations=3, networks=20)
    assert counting.accepted(counters, *best, most=100) == 100
