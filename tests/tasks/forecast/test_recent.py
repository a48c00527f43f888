"""Quantiles are as wide as they had to be in the rows after the training data, and in no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate import Forecaster
from keepgate.data.tables.reading import panel
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.reads import infer
from keepgate.tasks.forecast.recent import centre, unseen, widened
from tasks.forecast.data import SMALL, values, waves

HORIZON = 4


def noise(rows: int, scale: float, **columns) -> pd.DataFrame:
    y = scale * np.random.default_rng(1).normal(size=rows)
    return pd.DataFrame({"unique_id": "a", "ds": np.arange(rows), "y": y, **columns})


def prepared(table: pd.DataFrame) -> Prepared:
    data = panel(table)
    options = {"season": 1, "window": 8, "patch": 4, "calendar": False, "holidays": None}
    return Prepared(data, infer(data, horizon=HORIZON, **options))


def normal(quantiles: tuple[float, ...]):
    """Return a model that says a standard normal distribution at every step."""
    from scipy.stats import norm

    says = np.array([0.0, *norm.ppf(quantiles)])
    return lambda cut, series: np.tile(says, (len(cut), HORIZON, 1))


@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.05, 0.25, 0.75, 0.95), (0.2, 0.9)])
def test_the_share_of_values_between_quantiles_becomes_what_they_say(scale, quantiles):
    data, forecast = prepared(noise(4000, scale)), normal(quantiles)
    cut = np.arange(100, 4000 - HORIZON)
    series = np.zeros_like(cut)
    found = forecast(cut, series)
    now = widened(found, cut, series, data, np.array([0]), quantiles, forecast)
    truth, far = data.truth(cut), quantiles[-1] - quantiles[0]

    def covered(of):
        return ((of[..., 1] <= truth) & (truth <= of[..., -1])).mean()

    assert covered(now) == pytest.approx(far, abs=0.05)  # what was said before counts a little
    assert abs(covered(found) - far) > 0.09
    assert (now[..., [0, centre(quantiles)]] == found[..., [0, centre(quantiles)]]).all()
    if quantiles[1] == 0.25:
        inner = ((now[..., 2] <= truth) & (truth <= now[..., 3])).mean()
        assert inner == pytest.approx(0.5, abs=0.05)  # what was said before counts a little


def test_nothing_after_a_cut_off_is_looked_at_and_little_changes_little():
    table = noise(200, 3.0)
    later = table.copy()
    later.loc[120:, "y"] = 99.0
    cut, series = np.array([120]), np.array([0])
    forecast = normal((0.1, 0.5, 0.9))
    given = (forecast(cut, series), cut, series)
    wide, same, without = (
        widened(*given, prepared(data), np.array([first]), (0.1, 0.5, 0.9), forecast)
        for data, first in ((table, 0), (later, 0), (table, 117))  # 117: no horizon lies between
    )
    np.testing.assert_array_equal(wide, same)
    np.testing.assert_array_equal(without, given[0])
    one = widened(*given, prepared(table), np.array([116]), (0.1, 0.5, 0.9), forecast)
    ratio = np.abs(table["y"][116:120] / given[0][0, 0, 3]).max()  # the one of four that exceeds 80 % of five
    assert one[0, 0, 3] / given[0][0, 0, 3] == pytest.approx(ratio ** (1 / 1.25))


def test_missing_values_do_not_count():
    table = noise(200, 3.0)
    table.loc[100:119, "y"] = np.nan
    cut, series = np.array([120]), np.array([0])
    forecast = normal((0.1, 0.9))
    for first, changed in ((100, False), (80, True)):
        now = widened(forecast(cut, series), cut, series, prepared(table), np.array([first]), (0.1, 0.9), forecast)
        assert (now != forecast(cut, series)).any() == changed


def test_rows_after_the_training_data_are_unseen():
    data = panel(waves(rows=20))
    until = int(data.times[14].astype(np.int64))
    assert unseen(data, until).tolist() == [15, 35]
    assert unseen(data, int(data.times[-1].astype(np.int64))).tolist() == [20, 40]
    assert unseen(data, None).tolist() == [20, 40]
    assert unseen(data, -1).tolist() == [0, 20]


def test_a_forecaster_says_less_where_it_was_wrong_of_late(tmp_path):
    calm, rows = waves(rows=150, levels=(0.0,)), 100
    fitted = Forecaster(horizon=5, **SMALL).fit(calm[:rows])
    wild = calm.copy()
    wild.loc[rows:, "y"] += np.random.default_rng(2).normal(size=50)

    def width(table):
        found = values(fitted.predict(table))
        return (found[:, -1] - found[:, 1]).mean()

    fitted.save(tmp_path)
    assert width(wild) > 2 * width(calm)
    np.testing.assert_array_equal(values(Forecaster.load(tmp_path).predict(wild)), values(fitted.predict(wild)))
    before = values(fitted.predict(wild[:rows]))  # all of them learned: as calibrated
    given = Prepared(fitted.to_panel(wild[:rows]), fitted.reads_, ahead=True).given(np.array([rows]), np.array([0]))
    np.testing.assert_array_equal(before, fitted.forecast_windows(given)[0])
