"""Rolling evaluation, against scores typed again in pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss

from keepgate import Forecaster
from keepgate.errors import InputError
from tasks.forecast.data import SMALL, waves


@pytest.fixture(scope="module")
def rolled():
    return Forecaster(horizon=5, **SMALL).cross_validation(waves(), windows=3, step=4)


def test_cut_offs_lie_a_step_apart_and_the_last_a_horizon_before_the_end(rolled) -> None:
    table = rolled.table
    assert sorted(table["cutoff"].unique()) == list(pd.to_datetime(["2024-04-16", "2024-04-20", "2024-04-24"]))
    ahead = (table["ds"] - table["cutoff"]).dt.days
    assert ahead.tolist() == [1, 2, 3, 4, 5] * 6
    truth = table.merge(waves(), on=["unique_id", "ds"])
    np.testing.assert_array_equal(truth["y_x"], truth["y_y"])


def test_forecasts_are_those_of_a_model_of_the_rows_before(rolled) -> None:
    past = waves().groupby("unique_id").head(120 - 13)
    model = Forecaster(horizon=5, **SMALL).fit(past)
    for k, cutoff in enumerate(sorted(rolled.table["cutoff"].unique())):
        known = waves()[waves()["ds"] <= cutoff]
        expected = model.predict(known)
        found = rolled.table[rolled.table["cutoff"] == cutoff].reset_index(drop=True)
        names = ["unique_id", "ds", "y_hat", "y_hat_q10", "y_hat_q50", "y_hat_q90"]
        pd.testing.assert_frame_equal(found[names], expected[names], rtol=1e-6)
        assert k < 3


def test_scores_are_what_their_formulas_say(rolled) -> None:
    table, past = rolled.table, waves().groupby("unique_id").head(120 - 13)
    scale = past.groupby("unique_id")["y"].apply(lambda y: y.diff(7).abs().mean())
    lstm, seasonal, last = rolled.scores
    assert [row["model"] for row in rolled.scores] == ["lstm", "seasonal naive 7", "last value"]
    error = (table["y"] - table["y_hat_q50"]).abs()
    assert lstm["MASE"] == pytest.approx((error / table["unique_id"].map(scale)).mean())
    assert lstm["MAE"] == pytest.approx(mean_absolute_error(table["y"], table["y_hat_q50"]))
    sizes = table["y"].abs() + table["y_hat_q50"].abs()
    assert lstm["sMAPE"] == pytest.approx((200 * error / sizes).mean())
    losses = [mean_pinball_loss(table["y"], table[f"y_hat_q{100 * q:g}"], alpha=q) for q in (0.1, 0.5, 0.9)]
    assert lstm["WQL"] == pytest.approx(2 * np.mean(losses) / table["y"].abs().mean())
    inside = table["y"].between(table["y_hat_q10"], table["y_hat_q90"])
    assert lstm["coverage 10-90"] == pytest.approx(inside.mean())
    week_ago = table.assign(ds=table["ds"] - pd.Timedelta(days=7)).merge(waves(), on=["unique_id", "ds"])
    assert seasonal["MAE"] == pytest.approx((week_ago["y_x"] - week_ago["y_y"]).abs().mean())
    before = table.assign(ds=table["cutoff"]).merge(waves(), on=["unique_id", "ds"])
    assert last["MAE"] == pytest.approx((before["y_x"] - before["y_y"]).abs().mean())
    assert last["coverage 10-90"] == ""


def test_by_series_and_by_step(rolled) -> None:
    table = rolled.table
    error = (table["y"] - table["y_hat_q50"]).abs()
    series = {row["unique_id"]: row["MAE"] for row in rolled.by_series if row["model"] == "lstm"}
    assert series == pytest.approx(error.groupby(table["unique_id"]).mean().to_dict())
    step = {row["step"]: row["MAE"] for row in rolled.by_step if row["model"] == "lstm"}
    assert step == pytest.approx(error.groupby((table["ds"] - table["cutoff"]).dt.days).mean().to_dict())
    assert len(rolled.by_series) == 3 * 2
    assert len(rolled.by_step) == 3 * 5


def test_missing_values_do_not_count_and_polars_comes_back() -> None:
    table = waves()
    table.loc[[113, 117], "y"] = None
    found = Forecaster(horizon=5, **SMALL).cross_validation(pl.from_pandas(table), windows=2)
    assert isinstance(found.table, pl.DataFrame)
    seen = found.table.filter(pl.col("y").is_not_nan())
    assert len(found.table) - len(seen) == 2
    error = (seen["y"] - seen["y_hat_q50"]).abs().mean()
    assert found.scores[0]["MAE"] == pytest.approx(error)


def test_what_is_too_short() -> None:
    with pytest.raises(InputError, match=r"where 507 are needed \(100 windows of horizon 5, and horizon"):
        Forecaster(horizon=5, **SMALL).cross_validation(waves(), windows=100)
    with pytest.raises(InputError, match="windows=0 and step=5 have to be at least 1"):
        Forecaster(horizon=5, **SMALL).cross_validation(waves(), windows=0)


def test_the_score_of_a_model_is_minus_the_mase_of_the_last_rows() -> None:
    past, horizon = waves().groupby("unique_id").head(120 - 5), 5
    model = Forecaster(horizon=horizon, **SMALL).fit(past)
    table = model.predict(past).merge(waves(), on=["unique_id", "ds"])
    scale = past.groupby("unique_id")["y"].apply(lambda y: y.diff(7).abs().mean())
    expected = ((table["y"] - table["y_hat_q50"]).abs() / table["unique_id"].map(scale)).mean()
    assert len(table) == horizon * past["unique_id"].nunique()
    assert model.score(waves()) == pytest.approx(-expected)
    with pytest.raises(InputError, match="nothing to score: the last rows of all series are empty"):
        model.score(waves().assign(y=1.0))
