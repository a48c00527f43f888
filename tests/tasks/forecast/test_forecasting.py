"""Forecasts of windows against the network applied by hand."""

from __future__ import annotations

import numpy as np
import torch

from keepgate import Forecaster
from keepgate.tasks.forecast.examples import Prepared
from keepgate.tasks.forecast.forecasting import forecasts, outputs
from tasks.forecast.data import waves


def test_outputs_are_those_of_the_network_in_units_of_the_series(fitted: Forecaster) -> None:
    data = Prepared(fitted.to_panel(waves()), fitted.reads_)
    given = data.given(np.array([60, 200]), np.array([0, 1]))
    found = outputs(fitted, given)
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(x) for name, x in given.items()}
        whole = fitted.network_.run(tensors, "forecast").numpy()
    np.testing.assert_allclose(found, whole, rtol=1e-5)
    assert (np.diff(found[:, :, 1:]) >= 0).all()


def test_rows_that_were_learned_change_no_width(fitted: Forecaster) -> None:
    data = Prepared(fitted.to_panel(waves()), fitted.reads_)
    rows = np.array([100, 220]), np.array([0, 1])
    np.testing.assert_array_equal(forecasts(fitted, data, *rows), outputs(fitted, data.given(*rows)))
