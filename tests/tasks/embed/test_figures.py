from __future__ import annotations

import numpy as np
import pytest

from keepgate.tasks.embed.figures import map_figure, series_figure


def lines(axes):
    return [line.get_xydata() for line in axes.lines]


def test_the_channels_that_differ_most_are_drawn():
    value = np.random.default_rng(0).normal(size=(9, 6))
    restored = value.copy()
    restored[:, [0, 2, 3, 5]] += 1.0
    figure = series_figure(value, restored, list("abcdef"))
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "c", "d", "f"]
    original, again = lines(figure.axes[1])
    np.testing.assert_array_equal(original, np.column_stack([np.arange(1, 10), value[:, 2]]))
    np.testing.assert_array_equal(again[:, 1], restored[:, 2])


def test_of_a_long_series_what_stands_out_is_drawn():
    value, scores = np.random.default_rng(0).normal(size=(2000, 1)), np.ones(2000)
    scores[1000], scores[1700:1703] = 50.0, 9.0
    figure = series_figure(value, value, ["a"], scores, threshold=2.0)
    steps = lines(figure.axes[0])[0][:, 0]
    assert (steps[0], steps[-1], len(steps)) == (801, 1200, 400)
    assert figure.axes[-1].get_ylabel() == "score"
    shaded = figure.axes[0].patches
    assert [(patch.get_x(), patch.get_width()) for patch in shaded] == [(1000.5, 1.0)]
    shown, *stretches = figure.axes[-1].patches  # of all steps: what is drawn above, and every stretch
    assert (shown.get_x(), shown.get_width()) == (800.5, 400.0)
    assert [(patch.get_x(), patch.get_width()) for patch in stretches] == [(1000.5, 1.0), (1700.5, 3.0)]
    figure.canvas.draw()


@pytest.mark.parametrize("at", [0, 1999])
def test_a_peak_at_an_end_is_still_within_the_series(at):
    value, scores = np.zeros((2000, 1)), np.ones(2000)
    scores[at] = 9.0
    steps = lines(series_figure(value, value, ["a"], scores, 2.0).axes[0])[0][:, 0]
    assert len(steps) == 400
    assert at + 1 in steps


def test_one_step_and_nothing_above_the_threshold():
    figure = series_figure(np.zeros((1, 1)), np.ones((1, 1)), ["a"], np.array([0.5]), 1.0)
    assert not figure.axes[0].patches
    figure.canvas.draw()


def test_a_map_has_the_distances_of_the_first_two_components():
    """Points in a plane of 5 dimensions keep their distances."""
    random = np.random.default_rng(0)
    plane, _ = np.linalg.qr(random.normal(size=(5, 2)))
    points = random.normal(size=(20, 2))
    figure = map_figure(points @ plane.T + 3.0, None)
    drawn = figure.axes[0].collections[0].get_offsets()
    wanted = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(drawn[:, None] - drawn[None], axis=-1), wanted, atol=1e-9)
    assert figure.axes[0].get_legend() is None


@pytest.mark.parametrize(("kinds", "groups"), [(2, 2), (10, 10), (11, 1)])
def test_up_to_ten_labels_are_colours(kinds, groups):
    vectors = np.random.default_rng(0).normal(size=(22, 3))
    figure = map_figure(vectors, np.arange(22) % kinds)
    assert len(figure.axes[0].collections) == groups
    assert (figure.axes[0].get_legend() is not None) == (groups > 1)


@pytest.mark.parametrize("shape", [(1, 3), (4, 1), (1, 1)])
def test_fewer_than_two_components(shape):
    drawn = map_figure(np.random.default_rng(0).normal(size=shape), None).axes[0].collections[0].get_offsets()
    assert drawn.shape == (shape[0], 2)
    assert not np.asarray(drawn)[:, 1].any()
