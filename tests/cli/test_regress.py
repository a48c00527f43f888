"""fit, predict, evaluate and export of the regressor, from files to files."""

import json

import numpy as np
import pandas as pd
import pytest

from cli.files import FAST, csv_lines, refused


@pytest.fixture
def doses(file):
    header, *rows = csv_lines()
    numbers = {"down": "-1.5", "up": "20"}
    rows = [",".join([*row.split(",")[:-1], numbers[row.split(",")[-1]]]) for row in rows]
    return file("doses.csv", [header, *rows])


def test_from_files_to_files(keepgate, doses, tmp_path):
    run = tmp_path / "run"
    outcome = keepgate("fit", "regress", doses, "--out", run, *FAST, "--quantiles", "0.1", "0.9")
    assert (outcome.code, outcome.err) == (0, "")
    assert "label: -1.5 to 20" in outcome.out
    html = (run / "report.html").read_text()
    for part in ("Predicted against true on the training data", "ridge on summaries", "Learning curve"):
        assert part in html
    outcome = keepgate("predict", run, doses, "--out", tmp_path / "p.csv")
    assert outcome.code == 0, outcome.err
    table = pd.read_csv(tmp_path / "p.csv")
    assert table.columns.tolist() == ["unique_id", "label_hat", "label_hat_q10", "label_hat_q90"]
    assert (table["label_hat_q10"] <= table["label_hat_q90"]).all()
    own, _, mean = json.loads(keepgate("evaluate", run, doses, "--json").out)
    assert list(own) == ["model", "R2", "MAE", "RMSE", "coverage 10-90"]
    assert mean["R2"] == pytest.approx(0, abs=1e-9)
    truth = pd.read_csv(doses).groupby("unique_id", sort=False)["label"].first().to_numpy()
    assert own["MAE"] == pytest.approx(np.abs(table["label_hat"] - truth).mean(), rel=1e-5)


def test_classes_are_no_numbers(keepgate, file, tmp_path):
    train = file("train.csv", csv_lines())
    outcome = keepgate("fit", "regress", train, "--out", tmp_path / "run", *FAST)
    refused(outcome, "and no number; `classify` predicts classes")
