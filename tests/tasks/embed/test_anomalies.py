"""Anomaly scores are Mahalanobis distances, and stretches lie where they are high."""

import numpy as np
import pytest

from keepgate.tasks.embed.anomalies import ErrorDistribution, stretches


def test_scores_of_errors_are_mahalanobis_distances():
    """Against the covariance's inverse written out; with correlated channels, of which the second has an offset."""
    rng = np.random.default_rng(0)
    errors = [rng.normal(size=(n, 2)) @ np.array([[1.0, 0.8], [0.0, 0.5]]) + [0, 3] for n in (50, 70)]
    ordinary = ErrorDistribution.of(errors)
    every = np.concatenate(errors)
    inverse = np.linalg.inv(np.cov(every.T, bias=True))
    expected = np.einsum("ti,ij,tj->t", every - every.mean(0), inverse, every - every.mean(0)) / 2
    scores = np.concatenate(ordinary.scores(errors))
    np.testing.assert_allclose(scores, expected, rtol=0.02)  # the ridge
    assert scores.mean() == pytest.approx(1, rel=0.02)
    assert (scores > ordinary.threshold(0.9, "step")).mean() == pytest.approx(0.1, abs=0.01)
    assert ordinary.threshold(1.0, "series") == pytest.approx(max(s.mean() for s in ordinary.scores(errors)))


def test_an_error_in_a_channel_without_errors_is_finite_and_large():
    ordinary = ErrorDistribution.of([np.stack([np.linspace(-1, 1, 50), np.zeros(50)], axis=1)])
    (score,) = ordinary.scores([np.array([[0.0, 0.0], [0.0, 1.0]])])
    assert score[0] < 1e-3
    assert 100 < score[1] < np.inf


def test_stretches_are_what_a_walk_over_the_steps_finds():
    scores = [np.array([5.0, 1, 3, 4, 0]), np.array([0.0, 0]), np.array([9.0])]
    found = [(one.series, one.begin, one.end, one.peak) for one in stretches(scores, 2.0)]
    assert found == [(2, 0, 1, 9.0), (0, 0, 1, 5.0), (0, 2, 4, 4.0)]
