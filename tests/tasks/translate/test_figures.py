from __future__ import annotations

import numpy as np
import pytest

from keepgate.tasks.translate.figures import END, MOST, attention_figure
from keepgate.tasks.translate.search import Translation


def translation(pieces, source_pieces):
    weights = np.random.default_rng(0).random((len(pieces) + 1, len(source_pieces)))
    return Translation("", 0.0, source_pieces, pieces, weights)


def test_rows_are_what_was_said_and_columns_what_was_read():
    given = translation([" one", "self", "$"], [" eins", " zwei", "</s>"])
    (axes,) = attention_figure(given).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "-self", r"\$", END]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["eins", "zwei", END]
    np.testing.assert_array_equal(axes.images[0].get_array(), given.weights)
    assert axes.images[0].get_clim() == (0.0, 1.0)


@pytest.mark.parametrize("count", [0, 1, 200])
def test_short_and_long_texts(count):
    given = translation([" a"] * count, [" b"] * count + ["</s>"])
    figure = attention_figure(given)
    shown = min(count + 1, MOST)
    assert figure.axes[0].images[0].get_array().shape == (shown, shown)
    figure.canvas.draw()
