"""Steps beyond the horizon of the training: how they continue, and how wide they are where it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from keepgate import Forecaster
from keepgate.errors import InputError
from keepgate.tasks.forecast.rollout import continued, rolled_out
from tasks.forecast.data import SMALL, values, waves
from tasks.forecast.test_estimator import shop


class Walk:
    """A forecaster of a random walk with steps of variance 1, two rows at once, as it is."""

    horizon, quantiles, loss = 2, (0.1, 0.5, 0.9), "quantile"

    def __init__(self, fitted: Forecaster) -> None:
        self.reads_ = fitted.reads_

    def forecast(self, data, cut, series):
        return self.forecast_windows(data.given(cut, series))

    def forecast_windows(self, given):
        last = given["window"][:, -1, 0]
        wide = np.sqrt([1.0, 2.0])[None, :, None] * stats.norm.ppf([0.5, 0.1, 0.5, 0.9])
        return last[:, None, None] + wide


def test_quantiles_of_a_random_walk_widen_as_they_have_to(fitted: Forecaster) -> None:
    """Variance grows by 1 a row; a path moves by the second row's value of each horizon, of variance 2."""
    data = fitted.to_panel(waves())
    found = rolled_out(Walk(fitted), data, 8)
    last = data.values[data.starts[1:] - 1, 0]
    wide = (found[:, :, 3] - found[:, :, 1]) / (2 * stats.norm.ppf(0.9))
    np.testing.assert_allclose(wide, np.broadcast_to(np.sqrt(np.arange(1, 9)), (2, 8)), rtol=0.1)
    np.testing.assert_allclose(found[:, :, 2] - last[:, None], 0, atol=0.2)


def test_the_first_steps_are_direct_and_all_are_asked_for(fitted: Forecaster) -> None:
    table = waves()
    whole, more = fitted.predict(table), fitted.predict(table, horizon=12)
    assert len(more) == 24
    first = more.groupby("unique_id").head(5).reset_index(drop=True)
    pd.testing.assert_frame_equal(first.drop(columns="rolled_out"), whole)
    assert more["rolled_out"].tolist() == 2 * ([False] * 5 + [True] * 7)
    assert "rolled_out" not in fitted.predict(table, horizon=5)
    assert more["ds"].tolist()[:12] == [*pd.date_range("2024-04-30", periods=12)]
    found = values(more)
    assert (np.diff(found[:, 1:]) >= 0).all()
    np.testing.assert_array_equal(found, values(fitted.predict(table, horizon=12)))
    with pytest.raises(InputError, match="horizon=0 is not at least 1"):
        fitted.predict(table, horizon=0)


def test_without_quantiles_the_mean_is_rolled_out() -> None:
    model = Forecaster(horizon=3, quantiles=(), **SMALL).fit(waves())
    table = waves()
    first = model.predict(table)
    longer = pd.concat([table, first.rename(columns={"y_hat": "y"})])
    again = values(model.predict(longer.sort_values(["unique_id", "ds"])))
    more = model.predict(table, horizon=6)
    np.testing.assert_allclose(values(more.groupby("unique_id").tail(3)), again, rtol=1e-6)


def test_a_plan_is_followed_beyond_the_horizon() -> None:
    """Without the plan the error is that of a coin, 40 up or not; with it that of the noise, 0.8 in the mean."""
    table = shop()
    past, after = table[:-14], table[-14:].drop(columns="y")
    model = Forecaster(horizon=4, **SMALL).fit(past, known_columns=["plan"], static_columns=["region"])
    more = model.predict(past, future=after, horizon=14)
    assert np.abs(more["y_hat"].to_numpy() - table["y"].to_numpy()[-14:]).mean() < 2
    with pytest.raises(InputError, match="no value of 'plan' in row 11 after its end: give what is known of all 14"):
        model.predict(past, future=after[:10], horizon=14)


def test_what_is_known_ahead_is_used_up(fitted: Forecaster) -> None:
    data = continued(fitted.to_panel(waves()), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert data.lengths.tolist() == [122, 122]
    assert data.values[[120, 121, 242, 243], 0].tolist() == [1, 2, 3, 4]
    assert str(data.times[121])[:10] == "2024-05-01"
