"""`keepgate export`: the exported model predicts what the run predicts, and bad input is told in one line."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest

from cli.files import FAST, csv_lines, refused, series
from export.running import operators
from export.running import run as run_onnx
from keepgate import Forecaster, SequenceClassifier
from keepgate.data.tables.calendar import calendar_values


def metadata(model):
    return {row.key: row.value for row in model.metadata_props}


def padded(values):
    lengths = np.array([len(value) for value in values])
    x = np.full((len(values), max(lengths), values[0].shape[1]), 7.0)
    for row, value in zip(x, values, strict=True):
        row[: len(value)] = value
    return {"input": x, "lengths": lengths}


@pytest.mark.parametrize("cell", ["lstm", "layer_norm(gru)"])
def test_a_classifier_from_raw_values_to_probabilities(keepgate, file, tmp_path, cell):
    folder = tmp_path / "run"
    assert keepgate("fit", "classify", file("t.csv", csv_lines()), "--out", folder, "--cell", cell, *FAST).code == 0
    outcome = keepgate("export", folder, "--to", "onnx")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == str(folder / "model.onnx")
    assert "output probabilities: " in outcome.out
    model = onnx.load(folder / "model.onnx")
    assert operators(model) == (["LSTM"] if cell == "lstm" else ["Scan", "Scan"])
    assert json.loads(metadata(model)["classes"]) == ["down", "up"]
    assert json.loads(metadata(model)["channels"]) == ["a", "b"]
    values, _ = series(seed=1)
    (got,) = run_onnx(model, padded(values))
    np.testing.assert_allclose(got, SequenceClassifier.load(folder, "cpu").predict_proba(values), atol=1e-5)


OPTIONS = {
    "plain": {},
    "rows that fill no patch": {"window": 9, "patch": 4, "bidirectional": True, "quantiles": (), "calendar": False},
    "many quantiles": {"quantiles": (0.9, 0.1, 0.45, 0.55), "cell": "zoneout(lstm, 0.1)"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_forecaster_from_raw_values_to_forecasts(keepgate, tmp_path, name):
    random, days = np.random.default_rng(0), pd.date_range("2024-01-01", periods=80, freq="D")
    levels = {"low": 3 * random.normal(size=80), "high": 1e4 + random.normal(size=80), "flat": np.full(80, 5.0)}
    parts = [pd.DataFrame({"unique_id": k, "ds": days, "y": v, "w": random.normal(size=80)}) for k, v in levels.items()]
    table = pd.concat(parts)
    forecaster = Forecaster(horizon=3, epochs=1, hidden_size=8, progress=False, **OPTIONS[name]).fit(table)
    forecaster.save(tmp_path / "run")
    assert keepgate("export", tmp_path / "run", "--to", "onnx", "--out", tmp_path / "f.onnx").code == 0
    model = onnx.load(tmp_path / "f.onnx")
    assert json.loads(metadata(model)["columns"]) == ["target", "w"]
    assert json.loads(metadata(model)["forecasts"]) == ["mean", *sorted(forecaster.quantiles)]
    past = np.stack([part[["y", "w"]].to_numpy()[-forecaster.window_ :] for part in parts])
    ahead = np.tile(calendar_values(pd.date_range(days[-1], periods=4)[1:].to_numpy(), ["week"]), (3, 1, 1))
    (got,) = run_onnx(model, {"input": past} | ({"ahead": ahead} if forecaster.calendar else {}))
    wanted = forecaster.predict(table).set_index("unique_id").loc[list(levels)].iloc[:, 1:].to_numpy()
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-5)


def test_a_file_that_is_there_is_replaced(keepgate, run, file):
    path = file("old.onnx", ["old"])
    assert keepgate("export", run, "--to", "onnx", "--out", path).code == 0
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_what_cannot_be_exported(keepgate, run, tmp_path):
    before = sorted(run.iterdir())
    refused(keepgate("export", run, "--to", "pdf"), "--to 'pdf'", "there is onnx")
    refused(keepgate("export", tmp_path / "absent", "--to", "onnx"), "absent is no folder")
    refused(keepgate("export", run, "--to", "onnx", "--out", tmp_path / "absent" / "m.onnx"), "cannot write")
    refused(keepgate("export", run, "--to", "onnx", "--out", tmp_path), "cannot write")
    (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:100])
    refused(keepgate("export", run, "--to", "onnx"), "model.safetensors was cut short")
    assert sorted(run.iterdir()) == before
