"""What an exported forecaster says of itself, and that ONNX Runtime gives its forecasts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keepgate import Forecaster
from keepgate.export import onnx as export
from keepgate.tasks.forecast.distributions import FAMILIES
from keepgate.tasks.forecast.examples import Prepared
from tasks.forecast.data import SMALL, waves


def test_the_file_forecasts_and_names_what_it_reads(fitted: Forecaster, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    export(fitted, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert (json.loads(about["columns"]), json.loads(about["forecasts"])) == (["target"], ["mean", 0.1, 0.5, 0.9])
    assert about["transform"] == "identity"
    given = Prepared(fitted.to_panel(waves()), fitted.reads_).given(np.array([60, 200]), np.array([0, 1]))
    names = {"window": "input"}
    wanted = {i.name: i.type for i in session.get_inputs()}
    fed = {
        names.get(n, n): x.astype(np.float64 if "double" in wanted[names.get(n, n)] else x.dtype)
        for n, x in given.items()
    }
    (found,) = session.run(None, fed)
    np.testing.assert_allclose(found, fitted.forecast_windows(given), rtol=1e-4)


def test_a_distribution_is_exported_by_its_parameters(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    options = {**SMALL, "loss": "student-t", "calendar": False, "ensemble": 2}
    model = Forecaster(horizon=5, **options).fit(waves())
    export(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["forecasts"]) == ["location", "scale", "degrees of freedom"]
    given = Prepared(model.to_panel(waves()), model.reads_).given(np.array([60, 200]), np.array([0, 1]))
    (said,) = session.run(None, {"input": given["window"]})
    found = FAMILIES["student-t"].forecasts(said, sorted(model.quantiles))
    np.testing.assert_allclose(found, model.forecast_windows(given), rtol=1e-4)
