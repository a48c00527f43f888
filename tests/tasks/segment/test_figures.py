from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.recordings.segments import Segment
from keepgate.tasks.segment.figures import recording_figure


def figure(labels=("a", "b"), frames=8, hop=0.5, findings=None):
    random = np.random.default_rng(0)
    features, probabilities = random.normal(size=(frames, 3)), random.random((frames, len(labels)))
    found = findings or {"true": [Segment(0.5, 1.5, "b")], "found": []}
    made = recording_figure(features, np.arange(frames + 1) * hop, list(labels), probabilities, found)
    return made, features, probabilities


def test_everything_lies_where_it_is_in_time():
    made, features, probabilities = figure()
    top, middle, bottom = made.axes
    (picture,) = top.images
    np.testing.assert_array_equal(picture.get_array(), features.T)
    assert picture.get_extent() == [0.0, 4.0, 0.0, 3.0]
    for k, line in enumerate(middle.lines):
        np.testing.assert_allclose(line.get_xdata(), np.arange(8) * 0.5 + 0.25)
        np.testing.assert_array_equal(line.get_ydata(), probabilities[:, k])
    boxes = [path.get_extents() for bars in bottom.collections for path in bars.get_paths()]
    assert [(box.x0, box.x1) for box in boxes] == [(0.5, 1.5)]
    assert -0.5 < boxes[0].y0 < boxes[0].y1 < 0.5  # in the row of the truth
    assert [text.get_text() for text in bottom.get_yticklabels()] == ["true", "found"]


def test_of_a_long_recording_the_first_thirty_seconds_are_drawn():
    made, _, _ = figure(frames=100, hop=1.0)
    assert made.axes[2].get_xlim() == (0.0, 30.0)
    assert len(made.axes[1].lines[0].get_xdata()) == 30


@pytest.mark.parametrize(("count", "drawn"), [(1, 1), (8, 8), (9, 8)])
def test_up_to_eight_labels_are_drawn(count, drawn):
    made, _, _ = figure([f"label {k}" for k in range(count)])
    assert len(made.axes[1].lines) == drawn
    assert (made.axes[1].get_legend() is not None) == (count > 1)
    made.canvas.draw()


def test_a_label_that_is_not_drawn_leaves_its_segments_out():
    labels = [str(k) for k in range(9)]
    made, _, _ = figure(labels, findings={"true": [Segment(0.0, 1.0, "8")]})
    assert not [path for bars in made.axes[2].collections for path in bars.get_paths()]
