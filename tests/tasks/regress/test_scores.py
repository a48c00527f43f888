"""Scores against scikit-learn's formulas, written again."""

import numpy as np
import pytest

from keepgate.tasks.regress.scores import coverage, regression_scores


def test_scores_are_those_of_the_formulas():
    truth, found = np.array([1.0, 2, 4, 9]), np.array([1.0, 3, 4, 6])
    scores = regression_scores(truth, found)
    assert scores == pytest.approx({"R2": 1 - 10 / 38, "MAE": 1.0, "RMSE": np.sqrt(2.5)})
    assert regression_scores(truth[:1], found[:1])["R2"] == ""
    assert coverage(truth, found - 1, found + 1) == 0.75
