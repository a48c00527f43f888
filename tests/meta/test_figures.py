from __future__ import annotations

import numpy as np

from keepgate.meta.figures import curve_figure


def test_errors_that_are_missing_are_left_out():
    errors = {"mine": np.array([1.0, 0.5, 0.25]), "other": np.array([1.0, np.nan, 0.5])}
    axes = curve_figure(errors, "error", logarithmic=True, along="steps").axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0, 1, 2], [0, 2]]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("steps", "error", "log")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mine", "other"]
