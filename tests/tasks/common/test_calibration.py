"""Temperatures against what data were drawn from and SciPy's minimum; calibration errors worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as soft
from scipy.stats import mannwhitneyu

from keepgate.tasks.common import calibration


def drawn(count=4_000, classes=4, seed=0):
    """Return logits, and answers drawn from their softmax: confidence is exactly what it says."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(count, classes))
    gumbel = random.gumbel(size=logits.shape)
    return logits, (logits + gumbel).argmax(axis=1)


@pytest.mark.parametrize("heat", [0.3, 1.0, 5.0])
def test_the_temperature_that_logits_were_multiplied_by_is_found(heat):
    logits, targets = drawn()
    assert calibration.temperature(heat * logits, targets) == pytest.approx(heat, rel=0.05)


@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_the_least_loss_with_half_an_answer_more_right_and_wrong(classes):
    logits, targets = drawn(50, classes)
    wanted = np.full((50, classes), 0.5 / 51 / (classes - 1))
    wanted[np.arange(50), targets] = 50.5 / 51

    def loss(log_heat):
        return -(wanted * log_softmax(logits / np.exp(log_heat), axis=1)).sum(axis=1).mean()

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert calibration.temperature(logits, targets) == pytest.approx(np.exp(found.x), rel=1e-5)


def test_data_without_a_mistake_leave_some_doubt():
    logits = np.array([[5.0, -5.0]] * 30 + [[-5.0, 5.0]] * 30)
    heat = calibration.temperature(logits, np.repeat([0, 1], 30))
    np.testing.assert_allclose(soft(logits[0] / heat), [60.5 / 61, 0.5 / 61], rtol=1e-6)


def test_logits_that_say_nothing_are_flattened():
    logits, targets = drawn(500)
    heat = calibration.temperature(logits, (targets + 1) % 4)  # worse than chance
    assert heat == pytest.approx(calibration.HOTTEST)


def test_a_calibrated_source_has_little_error_and_a_bold_one_much():
    logits, targets = drawn()
    errors = []
    for factor in (1.0, 4.0):
        chances = soft(factor * logits, axis=1)
        errors.append(calibration.calibration_error(chances.max(axis=1), chances.argmax(axis=1) == targets))
    assert errors[0] < 0.02
    assert errors[1] > 0.1


def test_the_error_by_hand():
    confidence, right = np.array([0.2, 0.4, 0.9, 0.7, 1.0]), np.array([False, True, True, True, False])
    rows = calibration.reliability(confidence, right, bins=2)
    np.testing.assert_allclose(rows, [[2, 0.3, 0.5], [3, 2.6 / 3, 2 / 3]])
    assert calibration.calibration_error(confidence, right, bins=2) == pytest.approx((2 * 0.2 + 3 * 0.2) / 5)


def test_ranks_are_those_of_mann_and_whitney():
    logits, targets = drawn(300)
    chances = soft(logits, axis=1)
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == targets
    found = calibration.confidence_scores(confidence, right)
    wins = mannwhitneyu(confidence[right], confidence[~right]).statistic
    assert found["AUC right/wrong"] == pytest.approx(wins / (right.sum() * (~right).sum()))
    assert found["ECE"] == calibration.calibration_error(confidence, right)
    assert np.isnan(calibration.confidence_scores(confidence, np.ones(300, bool))["AUC right/wrong"])


def test_the_figure_shows_each_bin():
    confidence, right = np.array([0.2, 0.4, 0.9, 0.95]), np.array([False, True, True, True])
    axes = calibration.reliability_figure(confidence, right).axes[0]
    (points,) = axes.collections
    np.testing.assert_allclose(points.get_offsets(), [[0.2, 0], [0.4, 1], [0.9, 1], [0.95, 1]])
    assert points.get_sizes().tolist() == [20 + 95] * 4
