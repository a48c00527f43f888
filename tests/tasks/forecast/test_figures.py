from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.tables.reading import panel
from keepgate.tasks.forecast.explanation import Effect
from keepgate.tasks.forecast.figures import MOST, effects_figure, forecast_figure


def series(count, rows=60):
    random = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {"unique_id": f"s{k:02}", "ds": pd.date_range("2024-01-01", periods=rows), "y": random.normal(size=rows)}
        )
        for k in range(count)
    ]
    return panel(pd.concat(parts, ignore_index=True))


def test_the_forecast_lies_on_the_last_rows_beside_the_truth():
    data = series(2)
    forecasts = np.random.default_rng(1).normal(size=(2, 5, 4))
    figure = forecast_figure(data, forecasts, [0.1, 0.5, 0.9])
    assert [axes.get_title("left") for axes in figure.axes] == ["s00", "s01"]
    for s, axes in enumerate(figure.axes):
        truth, forecast = axes.lines
        np.testing.assert_array_equal(truth.get_ydata(), data.values[60 * s + 12 : 60 * s + 60, 0])
        np.testing.assert_array_equal(forecast.get_ydata(), forecasts[s, :, 0])
        assert list(truth.get_xdata()[-5:]) == list(forecast.get_xdata())
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["y", "forecast", "10 % to 90 %"]


@pytest.mark.parametrize("quantiles", [[], [0.5]])
def test_no_interval_without_two_quantiles(quantiles):
    figure = forecast_figure(series(1), np.zeros((1, 5, 1 + len(quantiles))), quantiles)
    assert not figure.axes[0].collections


@pytest.mark.parametrize(("count", "shown"), [(1, ["s00"]), (7, ["s00", "s01", "s02", "s04", "s05", "s06"])])
def test_six_series_spread_over_all(count, shown):
    figure = forecast_figure(series(count), np.zeros((count, 5, 1)), [])
    assert [axes.get_title("left") for axes in figure.axes] == shown
    assert len(shown) <= MOST
    figure.canvas.draw()


def test_effects_are_drawn_where_their_rows_are() -> None:
    given = [
        Effect("y", -7, -4, np.array([1.0, -3.0])),
        Effect("y", -3, -1, np.array([5.0, 5.0])),
        Effect("plan", 1, 2, np.array([-4.0, 4.0])),
    ]
    axes = effects_figure(given).axes[0]
    stairs, bar = axes.patches[0], axes.patches[-1]
    assert stairs.get_data().values.tolist() == [2.0, 5.0]
    assert stairs.get_data().edges.tolist() == [-7, -3, 0]
    assert (bar.get_x(), bar.get_width(), bar.get_height()) == (0, 2, 4)
