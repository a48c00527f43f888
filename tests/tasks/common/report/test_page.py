import re
import time

import numpy as np

from keepgate.tasks.common.report.figures import confusion_figure, learning_curve, name_in_figure, new_figure
from keepgate.tasks.common.report.page import write_report
from keepgate.tasks.common.report.section import Section


def row(epoch, train_loss, valid_loss):
    return {"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss}


def figure_text(section, path):
    write_report(path, "A run", [section])
    return path.read_text()


def test_tables_text_and_listings_are_shown_and_escaped(tmp_path):
    rows = [{"model": "<lstm>", "accuracy": 0.98765}, {"model": "other", "accuracy": 1}]
    html = figure_text(Section("Scores & more", "a < b", rows, listing="h[t] = x\n  & y"), tmp_path / "r.html")
    assert "<h2>Scores &amp; more</h2>" in html
    assert "<p>a &lt; b</p>" in html
    assert re.findall(r"<td>(.*?)</td>", html) == ["&lt;lstm&gt;", "0.9877", "other", "1"]
    assert re.findall(r"<th>(.*?)</th>", html) == ["model", "accuracy"]
    assert "<pre>h[t] = x\n  &amp; y</pre>" in html


def test_the_file_needs_nothing_from_outside(tmp_path):
    html = figure_text(Section("Curve", figure=learning_curve([row(1, 2.0, 3.0)])), tmp_path / "r.html")
    assert html.count("<svg") == 1
    assert not re.findall(r"<(?:script|link|img|iframe)\b", html)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", html)
    assert "url(http" not in html
    assert "@import" not in html


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    pages = []
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, "A run", [Section("Curve", figure=learning_curve([row(1, 2.0, None)]))])
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_learning_curve_draws_the_rows():
    figure = learning_curve([row(1, 2.0, 3.0), row(2, 1.0, 2.5)])
    lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].get_lines()}
    assert lines == {"training": [[1, 2], [2, 1]], "held out": [[1, 3], [2, 2.5]]}
    alone = learning_curve([row(1, 2.0, None)])
    assert [line.get_label() for line in alone.axes[0].get_lines()] == ["training"]


def test_confusion_figure_names_the_classes_and_writes_the_counts():
    figure = confusion_figure(np.array([[5, 1], [0, 7]]), ["no", "yes"])
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]
    counts = {(text.get_position()): text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "5", (1, 0): "1", (0, 1): "0", (1, 1): "7"}
    assert not confusion_figure(np.eye(30, dtype=int), [str(i) for i in range(30)]).axes[0].texts


def test_new_figure_needs_no_display():
    figure, axes = new_figure(3, 2)
    assert figure.get_size_inches().tolist() == [3, 2]
    assert figure.axes == [axes]


SCRIPT = "<script>alert(1)</script>"
NAMES = [
    "$x^{",
    "_hidden",
    "\x1b[31mred\x1b[0m",
    "日本😀",
    "a" * 5000,
    SCRIPT,
    "\ud800",
    "a\nb",
    "$$",
]


def test_names_in_figures_are_short_and_no_formulas_and_steer_nothing(tmp_path):
    """A name with dollar signs was a formula that cannot be read; one that begins with _ was not in the legend."""
    figure, axes = new_figure()
    for i, name in enumerate(NAMES):
        axes.plot([0, i], label=name_in_figure(name))
    legend = axes.legend()
    assert len(legend.get_texts()) == len(NAMES)
    counts = np.eye(len(NAMES), dtype=int)
    sections = [Section("Names", figure=figure), Section("Confusion", figure=confusion_figure(counts, NAMES))]
    write_report(tmp_path / "r.html", "\x1b[2J<b>", [*sections, Section(SCRIPT, rows=[dict.fromkeys(NAMES, SCRIPT)])])
    html = (tmp_path / "r.html").read_bytes().decode()
    assert "<script>" not in html
    assert "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…" in html
    assert "$x^{" in html
    assert "日本" in html


def test_a_confusion_of_many_classes_is_drawn_soon(tmp_path):
    started = time.process_time()
    figure = confusion_figure(np.eye(1000, dtype=int), [f"class {i}" for i in range(1000)])
    write_report(tmp_path / "r.html", "Many", [Section("Confusion", figure=figure)])
    assert time.process_time() - started < 10
    assert not [label for label in figure.axes[0].get_yticklabels() if "class" in label.get_text()]
