"""`keepgate fit evolino` as it is typed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

FLAGS = ["--hidden-size", "4", "--epochs", "12", "--batch-size", "12", "--washout", "30", "--horizon", "20"]


def test_fit_predict_and_evaluate(keepgate, tmp_path):
    path, run = tmp_path / "wave.csv", tmp_path / "run"
    pd.DataFrame({"ds": range(150), "y": 3 + np.sin(0.3 * np.arange(150))}).to_csv(path, index=False)
    done = keepgate("fit", "evolino", path, "--out", run, "--no-progress", *FLAGS)
    assert done.code == 0, done.err
    assert "Scores on the held-out end" in done.out
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["generation"] for row in rows] == list(range(1, 13))
    report = (run / "report.html").read_text()
    assert "Free run over the held-out end" in report
    done = keepgate("predict", run, path, "--out", tmp_path / "ahead.csv")
    assert done.code == 0, done.err
    ahead = pd.read_csv(tmp_path / "ahead.csv")
    assert ahead["ds"].tolist() == list(range(150, 170))
    assert abs(ahead["y_hat"] - 3 - np.sin(0.3 * ahead["ds"])).max() < 0.3
    done = keepgate("evaluate", run, path)
    assert done.code == 0, done.err
    assert "NMSE" in done.out


def test_what_is_wrong_is_one_sentence(keepgate, tmp_path):
    path = tmp_path / "wave.csv"
    path.write_text("ds,y\n0,1\n1,2\n")
    done = keepgate("fit", "evolino", path, "--out", tmp_path / "run", *FLAGS)
    assert done.code == 2
    assert "has 2 rows where 4 are needed" in done.err
    assert not (tmp_path / "run").exists()
