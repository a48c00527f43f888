"""The picture of spans: what stands where."""

from __future__ import annotations

from matplotlib.patches import Rectangle

from keepgate.tasks.tag.figures import COLUMNS, spans_figure
from keepgate.tasks.tag.scores import Span


def test_a_span_lies_under_its_tokens_with_kind_and_score_above():
    figure = spans_figure([(["in", "deep", "learning"], [(Span("term", 1, 3), 0.875)]), (["yes"], [])])
    axes = figure.axes[0]
    (ground,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (round(ground.get_x() + 0.3), round(ground.get_width() - 0.6)) == (3, len("deep learning"))
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert texts["term 0.88"][0] == texts["deep"][0] == 3
    assert texts["yes"] == (0, 1.9)


def test_a_span_over_the_end_of_a_line_lies_on_both_lines():
    words = ["a" * 20] * (COLUMNS // 21 + 1)
    figure = spans_figure([(words, [(Span("x", len(words) - 2, len(words)), 1.0)])])
    assert len(figure.axes[0].patches) == 2


def test_long_tokens_are_cut_and_dollars_are_no_formulas():
    figure = spans_figure([(["$x$", "b" * 1000], [])])
    assert [len(text.get_text()) for text in figure.axes[0].texts] == [len(r"\$x\$"), COLUMNS // 4]


def test_wide_characters_take_two_columns_and_marks_none():
    figure = spans_figure([(["日本", "e\u0301", "x"], [(Span("y", 0, 1), 1.0)])])
    (ground,) = (patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle))
    assert round(ground.get_width() - 0.6) == 4
    assert [text.get_position()[0] for text in figure.axes[0].texts[:3]] == [0, 5, 7]
