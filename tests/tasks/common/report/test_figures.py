"""Figures of reports."""

from keepgate.tasks.common.report.figures import learning_curve, new_figure


def test_a_notebook_shows_a_figure_as_a_picture():
    rows = [{"epoch": 1, "train_loss": 1.0, "valid_loss": None}, {"epoch": 2, "train_loss": 0.5, "valid_loss": None}]
    for figure in (new_figure()[0], learning_curve(rows)):
        assert figure._repr_png_().startswith(b"\x89PNG\r\n")
