"""Pen strokes: what normalizing takes out, points at equal distances, and InkML."""

import numpy as np
import pytest

from keepgate.data.ink.strokes import STEP, normalize, points, resample
from keepgate.data.recordings.manifest import as_strokes
from keepgate.errors import InputError


def wave(letters=6):
    """Upright loops, as a row of e's."""
    t = np.linspace(0, 2 * np.pi * letters, 60 * letters)
    return [np.stack([t * 0.5 + np.sin(t), 1.2 * np.cos(t)], axis=1), np.array([[2.0, 3.0]])]


@pytest.mark.parametrize("scale", [0.01, 300.0])
@pytest.mark.parametrize("offset", [0.0, 5000.0])
def test_size_place_and_sampling_do_not_matter(scale, offset):
    own = points(wave())
    np.testing.assert_allclose(points([stroke * scale + offset for stroke in wave()]), own, atol=1e-4)
    twice = [np.repeat(stroke, 2, axis=0) for stroke in wave()]  # the pen rests at every point
    np.testing.assert_allclose(points(twice), own, atol=1e-4)


def test_a_stroke_in_two_points_is_as_one_in_many():
    corners = [np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0], [1.0, 2.0]])]
    np.testing.assert_allclose(
        normalize(corners)[0], normalize([resample(corners[0], 0.001)])[0][[0, 2000, 4236, -1]], atol=0.01
    )


def test_a_dash_and_a_dot_have_few_points():
    assert len(points([np.array([[0.0, 0.0], [90.0, 0.0]])])) < 6000
    assert len(points([np.array([[5.0, 5.0]]), np.array([[5.0, 5.0]])])) == 2


def test_slant_is_taken_out():
    bars = [np.array([[k, 0.0], [k, 2.0 + k % 2]]) for k in range(5)]
    leaning = [stroke @ np.array([[1, 0], [0.4, 1]]) for stroke in bars]
    for a, b in zip(normalize(leaning), normalize(bars), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_rising_line_is_levelled():
    rising = normalize([stroke @ np.array([[1, 0.2], [0, 1]]) for stroke in wave(20)[:1]])
    tops = rising[0][::60]
    assert abs(np.polyfit(*tops.T, 1)[0]) < 0.02


def test_heights_have_deviation_one_along_the_path():
    lines = [resample(stroke, 0.01) for stroke in normalize(wave())]
    heights = lines[0][:, 1]
    assert heights.mean() == pytest.approx(0, abs=0.01)
    assert heights.std() == pytest.approx(1, abs=0.01)


def test_points_lie_at_equal_distances():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    points = resample(corner, 0.25)
    np.testing.assert_allclose(points, [[k / 4, 0] for k in range(5)] + [[1, k / 4] for k in range(1, 5)], atol=1e-12)
    np.testing.assert_array_equal(resample(corner[:1]), corner[:1])


def test_points_say_where_strokes_begin():
    found = points([np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([[4.0, 10.0], [4.0, 0.0]])])
    first, second = found[:, 2].nonzero()[0]
    assert (first, found[:, 0].min()) == (0, 0)
    assert found[second, 1] == found[:, 1].max()
    np.testing.assert_allclose(np.hypot(*np.diff(found[1:second, :2], axis=0).T), STEP, rtol=0.1)


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([[[1, 2]]], "a single point"),
        ([[[1, 2], [1, 2]], [[1, 2]]], "a single point"),
        ([], "a single point"),
        ([[]], "stroke 1 is no list"),
        ([[[1, 2]], [[1]]], "stroke 2 is no list"),
        ([[[1, 2], [3]]], "lists of points"),
        ([[[1, float("nan")]]], "stroke 1 has a coordinate"),
        (3, "lists of points"),
    ],
)
def test_strokes_that_are_none_are_refused(strokes, words):
    with pytest.raises(InputError, match=words):
        as_strokes(strokes)
