from __future__ import annotations

import numpy as np
import pytest

from keepgate.tasks.transcribe.alignment import Transcript
from keepgate.tasks.transcribe.figures import DRAWINGS, utterance_figure
from tasks.transcribe.data import tones


def test_symbols_stand_in_the_middle_of_where_they_sound(fitted):
    front_end = fitted.network_.front_end
    samples = tones(1)[0][0]
    transcript = Transcript("a$", ["a", "$"], [0.0, 0.25], [0.25, 0.5], [1.0, 1.0], [1.0])
    figure = utterance_figure(front_end, samples, transcript)
    (axes,) = figure.axes
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [("a", 0.125), (r"\$", 0.375)]
    assert [line.get_xdata()[0] for line in axes.lines] == [0.0, 0.25]
    (picture,) = axes.images
    np.testing.assert_array_equal(picture.get_array(), front_end.frames(samples).T)
    assert picture.get_extent()[1] == pytest.approx(float(front_end.times(samples)[-1]))


def test_every_kind_of_content_is_drawn(fitted):
    from keepgate.tasks.common.front_ends import FRONT_ENDS

    assert set(DRAWINGS) == set(FRONT_ENDS)
    figure = utterance_figure(fitted.network_.front_end, tones(1)[0][0], Transcript("", [], [], [], [], []))
    assert not figure.axes[0].texts


def test_ink_is_drawn_stroke_by_stroke_and_dots_are_dots():
    from keepgate.data.ink.strokes import normalize

    class Ink:
        kind = "ink"

    strokes = [np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0]]), np.array([[3.0, 5.0]])]
    figure = utterance_figure(Ink(), strokes, Transcript("i", ["i"], [0.0], [1.0], [0.9], [0.9]))
    line, dot, _ = figure.axes[0].lines
    wanted = normalize(strokes)
    np.testing.assert_allclose(line.get_xydata(), wanted[0])
    np.testing.assert_allclose(dot.get_xydata(), wanted[1])
    assert (line.get_marker(), dot.get_marker()) == ("", ".")
