"""Scores of segments against scikit-learn and distances by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from keepgate.data.recordings.segments import Segment
from keepgate.tasks.segment.scores import boundary_errors, frame_scores


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, guess = ([rng.random((n, 2)) < 0.4 for n in (5, 30, 1)] for _ in range(2))
    precision, recall, f1, _ = precision_recall_fscore_support(
        np.concatenate(truth), np.concatenate(guess), average="micro"
    )
    assert frame_scores(truth, guess) == pytest.approx({"precision": precision, "recall": recall, "F1": f1})
    assert set(frame_scores([truth[0] & False], [guess[0] & False]).values()) == {0.0}


def test_a_boundary_is_as_far_as_the_nearest_of_its_kind():
    truth = [Segment(1, 2), Segment(4, 5), Segment(7, 8, "dog")]
    guess = [Segment(1.25, 4.5), Segment(4.5, 5.0)]
    assert boundary_errors(truth, guess) == [0.25, 2.5, 0.5, 0.0, np.inf, np.inf]
