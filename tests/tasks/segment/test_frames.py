"""Frames and segments: examples worked by hand, and scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from keepgate.data.recordings.segments import Segment
from keepgate.tasks.segment.frames import (
    energy,
    energy_threshold,
    frames_of,
    hysteresis,
    smooth,
)

# frame:              0    1    2    3    4    5    6    7    8    9   10   11   12
VALUES = np.array([0.5, 0.7, 0.5, 0.3, 0.5, 0.3, 0.3, 0.9, 0.9, 0.3, 0.3, 0.3, 0.7])


def test_hysteresis_worked_by_hand():
    """A stretch holds as long as values reach 0.4, and counts if one reaches 0.6: so 0-2, 7-8 and 12, but not 4."""
    assert np.flatnonzero(hysteresis(VALUES, 0.6, 0.4)).tolist() == [0, 1, 2, 7, 8, 12]
    assert np.flatnonzero(hysteresis(VALUES, 0.5, 0.5)).tolist() == [0, 1, 2, 4, 7, 8, 12]


@pytest.mark.parametrize(
    ("least", "gap", "found"),
    [
        (0, 0, [(0, 3), (7, 9), (12, 13)]),
        (2, 0, [(0, 3), (7, 9)]),  # the last one is too short
        (2, 4, [(0, 3), (7, 13)]),  # first the gap of 3 frames is closed, so that it is not
        (0, 5, [(0, 13)]),
        (14, 5, []),
    ],
)
def test_gaps_are_closed_before_short_ones_are_left_out(least, gap, found):
    assert smooth(VALUES, 0.6, 0.4, least, gap) == found


def test_a_frame_belongs_to_what_holds_at_its_middle():
    segments = [Segment(0.0, 0.014, "a"), Segment(0.015, 0.036, "b"), Segment(0.03, 0.05, "a"), Segment(0, 9, "other")]
    assert frames_of(segments, ["a", "b"], 5, 0.01).T.tolist() == [
        [True, False, False, True, True],
        [False, True, True, True, False],
    ]


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    features = [rng.normal(size=(20, 3)).astype(np.float32) for _ in range(3)]
    truth = [rng.random(20) < 0.3 + 0.3 * (energy(one) > 5) for one in features]
    power, wanted = np.concatenate([energy(one) for one in features]), np.concatenate(truth)
    best = max(f1_score(wanted, power >= limit) for limit in power)
    assert f1_score(wanted, power >= energy_threshold(features, truth)) == best


def test_energy_is_in_decibels_above_the_quiet_tenth():
    power = np.array([1.0] * 5 + [100.0] * 5)
    features = np.log(np.stack([power / 4, power * 3 / 4], axis=1))
    np.testing.assert_allclose(energy(features), [0.0] * 5 + [20.0] * 5, atol=1e-9)
