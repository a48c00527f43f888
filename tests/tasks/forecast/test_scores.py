"""Scores of forecasts against scikit-learn, and naive forecasts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from keepgate.tasks.forecast.scores import Scores, last_value, seasonal_naive


def test_scores_against_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, point = random.normal(size=(2, 10, 3))
    quantiles = np.sort(random.normal(size=(10, 3, 3)), axis=2)
    own, other = Scores("own", (0.1, 0.5, 0.9)), Scores("other", (0.1, 0.5, 0.9))
    for part in (slice(0, 7), slice(7, 10)):  # batches of unequal size
        own.add(truth[part], point[part], quantiles[part])
        other.add(truth[part], point[part])
    pairs = [(q, quantiles[:, :, k]) for k, q in enumerate((0.1, 0.5, 0.9))]
    inside = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., 2])
    assert own.row() == {
        "model": "own",
        "mse": pytest.approx(mean_squared_error(truth, point)),
        "mae": pytest.approx(mean_absolute_error(truth, point)),
        "pinball": pytest.approx(np.mean([mean_pinball_loss(truth.ravel(), x.ravel(), alpha=q) for q, x in pairs])),
        "coverage 10-90": pytest.approx(inside.mean()),
    }
    same = [mean_pinball_loss(truth.ravel(), point.ravel(), alpha=q) for q in (0.1, 0.5, 0.9)]
    assert other.row()["pinball"] == pytest.approx(np.mean(same))
    assert other.row()["coverage 10-90"] == ""


def test_missing_values_do_not_count() -> None:
    random = np.random.default_rng(0)
    truth, point = random.normal(size=(2, 10, 3))
    quantiles = np.sort(random.normal(size=(10, 3, 2)), axis=2)
    whole, holed = Scores("own", (0.1, 0.9)), Scores("own", (0.1, 0.9))
    gaps = np.array([[0.0, np.nan, 1.0], [np.nan] * 3])
    whole.add(truth, point, quantiles)
    whole.add(gaps[:1, ::2], point[:1, ::2], quantiles[:1, ::2])
    holed.add(np.concatenate([truth, gaps]), point[[*range(10), 0, 1]], quantiles[[*range(10), 0, 1]])
    assert holed.row() == pytest.approx(whole.row())


def test_baselines() -> None:
    past = np.array([[1.0, 2, 3, 4, 5]])
    assert last_value(past, 3).tolist() == [[5, 5, 5]]
    assert seasonal_naive(past, 7, 3).tolist() == [[3, 4, 5, 3, 4, 5, 3]]
    assert seasonal_naive(past, 2, 4).tolist() == [[2, 3]]
    assert seasonal_naive(past, 2, 1).tolist() == last_value(past, 2).tolist()


def test_last_value_on_etth1_as_published(shared_data) -> None:
    """Zeng et al. 2023, table 9, "Repeat": MSE 1.295, MAE 0.713 at horizon 96."""
    values = pd.read_csv(shared_data("ett/ETTh1.csv")).iloc[:, 1:].to_numpy()
    month = 30 * 24
    values = (values - values[: 12 * month].mean(axis=0)) / values[: 12 * month].std(axis=0)
    scores, starts = Scores("last value", ()), np.arange(16 * month - 1, 20 * month - 96)
    for channel in values.T:
        windows = channel[starts[:, None] + np.arange(97)]
        scores.add(windows[:, 1:], last_value(windows[:, :1], 96))
    assert scores.count == 7 * 2785 * 96
    assert scores.row()["mse"] == pytest.approx(1.295, abs=1e-3)
    assert scores.row()["mae"] == pytest.approx(0.713, abs=1e-3)
