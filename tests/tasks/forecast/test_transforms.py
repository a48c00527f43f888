"""Square roots and back, against what is known of squares of normal variables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from keepgate import Forecaster
from keepgate.tasks.forecast.transforms import TRANSFORMS
from tasks.forecast.data import SMALL, values, waves


def test_roots_come_back() -> None:
    sqrt, y = TRANSFORMS["sqrt"], np.array([0.0, 2.0, 1e6, np.nan])
    np.testing.assert_allclose(sqrt.back(sqrt.forth(y)), y)
    assert sqrt.back(np.array([-1.0])) == 0


def test_the_square_of_a_normal_variable() -> None:
    """(3 + Z)^2 is noncentral chi-squared with one degree of freedom and noncentrality 9."""
    levels = [0.1, 0.5, 0.9]
    root = stats.norm(3, 1)
    forecast = np.array([[3.0, *root.ppf(levels)]])
    ((mean, *quantiles),) = TRANSFORMS["sqrt"].restored(forecast, levels)
    known = stats.ncx2(1, 9)
    assert mean == pytest.approx(known.mean())
    np.testing.assert_allclose(known.cdf(quantiles), levels, atol=1e-3)  # that Z < -3 is left out


def test_a_transform_is_chosen_kept_and_never_gives_less_than_nothing(tmp_path) -> None:
    """Noise that grows with the root of the level, near zero: forecasts of the identity go below it."""
    random = np.random.default_rng(0)
    y = random.poisson(3 + 3 * np.sin(2 * np.pi * np.arange(300) / 7))
    table = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=300), "y": y})
    model = Forecaster(horizon=7, **SMALL, transform="sqrt").fit(table)
    assert model.reads_.transform == "sqrt"
    forecast = values(model.predict(table))
    assert (forecast >= 0).all()
    assert (np.diff(forecast[:, 1:]) >= 0).all()
    model.save(tmp_path)
    np.testing.assert_array_equal(values(Forecaster.load(tmp_path).predict(table)), forecast)
    below = Forecaster(horizon=7, **SMALL).fit(waves(levels=(0.0,)))
    assert below.reads_.transform == "identity"
