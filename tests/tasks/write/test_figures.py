from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from keepgate.tasks.write.figures import COLUMNS, surprise_figure


def grounds(figure):
    return [(p.get_x(), p.get_y(), to_hex(p.get_facecolor())) for p in figure.axes[0].patches if p.get_width() == 1]


def test_each_character_has_the_ground_of_its_unit():
    figure = surprise_figure(["ab", "c"], np.array([0.0, 8.0]))
    light, dark = (to_hex(colormaps["Oranges"](share)) for share in (0.0, 0.9))
    assert grounds(figure) == [(0, 0, light), (1, 0, light), (2, 0, dark)]
    assert [(t.get_text(), t.get_color()) for t in figure.axes[0].texts] == [
        ("a", "black"),
        ("b", "black"),
        ("c", "white"),
    ]


def test_lines_break_where_the_text_does_and_at_the_margin():
    figure = surprise_figure(["a", "\n", "b" * (COLUMNS + 1)], np.zeros(3))
    places = [(x, y) for x, y, _ in grounds(figure)]
    assert places[:3] == [(0, 0), (1, 0), (0, 1)]
    assert places[-1] == (0, 2)
    assert figure.axes[0].texts[1].get_text() == "¶"


@pytest.mark.parametrize("text", ["", " ", "$x$", "\x1b", "日"])
def test_any_text_is_drawn(text):
    figure = surprise_figure([text], np.array([100.0]))
    figure.canvas.draw()
    assert len(grounds(figure)) == len(text)
