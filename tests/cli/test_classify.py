"""fit, predict and evaluate of the classifier, from files to files."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from cli.files import FAST, csv_lines, series, ts_lines
from keepgate.equations import Equations
from keepgate.tasks.classify.estimator import SequenceClassifier

SCORES = ["accuracy", "macro F1", "ROC-AUC", "ECE", "AUC right/wrong"]


def test_a_run_is_a_folder_of_readable_files(run):
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "model.safetensors",
        "metrics.jsonl",
        "report.html",
        "checkpoint",
        *(f"fold-{k}" for k in (1, 2, 3)),  # each one's training, which goes on where it was cut off
    }
    config = json.loads((run / "config.json").read_text())["config"]
    assert config["task"] == "classify"
    assert config["parameters"]["hidden_size"] == 4
    assert config["columns"]["label_column"] == "label"
    assert config["fitted"]["channels"] == ["a", "b"]
    assert Equations.from_json(config["equations"]).states == ("h", "c")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    html = (run / "report.html").read_text()
    for part in (
        "Confusion on the training data",
        "Learning curve",
        "majority class",
        "hidden_size",
        "sigmoid(W_i x[t]",
    ):
        assert part in html
    assert html.count("<svg") == 3


def test_the_command_line_trains_what_python_trains(run):
    X, y = series()
    fitted = SequenceClassifier(epochs=2, hidden_size=4).fit(X, y)
    np.testing.assert_array_equal(SequenceClassifier.load(run).predict_proba(X), fitted.predict_proba(X))


def test_fit_says_what_it_did(keepgate, file, tmp_path):
    train, valid = file("train.ts", ts_lines()), file("valid.ts", ts_lines(seed=1))
    outcome = keepgate("fit", "classify", train, "--valid", valid, "--out", tmp_path / "run", *FAST)
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0] == "12 series of 4 to 8 steps; channels: '1', '2'"
    assert lines[1] == "classes: 'down (6)', 'up (6)'"
    assert lines[2].startswith("probabilities are calibrated, temperature ")
    assert lines[3].startswith("lstm: ")
    assert lines[3].endswith("(epochs: 2)")
    assert lines[4] == "Scores on the held-out data:"
    assert re.split(r"\s{2,}", lines[5]) == ["model", *SCORES]
    assert lines[7].split()[:3] == ["majority", "class", "0.5"]
    assert lines[8] == "Each class on the held-out data:"
    assert "channels: &#39;1&#39;" in (tmp_path / "run" / "report.html").read_text()
    assert str(tmp_path / "run" / "report.html") in lines[-1]


def test_the_same_command_again_gives_the_same_at_once(keepgate, file, run):
    before = (run / "model.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()
    outcome = keepgate("fit", "classify", file("train.csv", csv_lines()), "--out", run, *FAST)
    assert outcome.code == 0
    assert ((run / "model.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()) == before


def test_predictions_as_csv_on_standard_output(keepgate, file, run):
    test = file("new.csv", [line.rsplit(",", 1)[0] for line in csv_lines(seed=1)])  # without labels
    outcome = keepgate("predict", run, test)
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.replace('"', "").split(",") for line in outcome.out.splitlines()]
    assert rows[0] == ["unique_id", "label_hat", "p_down", "p_up"]
    X, _ = series(seed=1)
    classifier = SequenceClassifier.load(run)
    assert [row[0] for row in rows[1:]] == [f"s{i}" for i in range(12)]
    assert [row[1] for row in rows[1:]] == classifier.predict(X).tolist()
    np.testing.assert_allclose([[float(p) for p in row[2:]] for row in rows[1:]], classifier.predict_proba(X))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("p.csv", pd.read_csv),
        ("p.parquet", pd.read_parquet),
        ("p.feather", pd.read_feather),
        ("p.arrow", pd.read_feather),
    ],
)
def test_predictions_into_a_file_by_its_extension(keepgate, file, run, tmp_path, name, read):
    outcome = keepgate("predict", run, file("new.csv", csv_lines(seed=1)), "--out", tmp_path / name)
    assert (outcome.code, outcome.out) == (0, "")
    frame = read(tmp_path / name)
    assert frame.columns.tolist() == ["unique_id", "label_hat", "p_down", "p_up"]
    assert len(frame) == 12


def test_a_file_in_another_format_and_order_is_predicted_alike(keepgate, file, run, tmp_path):
    path = file("new.csv", csv_lines(seed=1))
    frame = pd.read_csv(path).sample(frac=1, random_state=0)[["b", "label", "a", "unique_id", "ds"]]
    frame.assign(note="not a channel").to_parquet(tmp_path / "new.parquet", index=False)
    tables = []
    for source in (path, tmp_path / "new.parquet"):
        assert keepgate("predict", run, source, "--out", tmp_path / "p.parquet").code == 0
        tables.append(pd.read_parquet(tmp_path / "p.parquet").sort_values("unique_id", ignore_index=True))
    pd.testing.assert_frame_equal(*tables)


def test_evaluate_prints_the_scores_beside_the_baseline(keepgate, file, run):
    outcome = keepgate("evaluate", run, file("test.csv", csv_lines(seed=1)))
    assert (outcome.code, outcome.err) == (0, "")
    header, own, baseline, between, classes, down, up = outcome.out.splitlines()
    X, y = series(seed=1)
    accuracy = (SequenceClassifier.load(run).predict(X) == y).mean()
    assert re.split(r"\s{2,}", header) == ["model", *SCORES]
    assert own.split()[:2] == ["lstm", f"{accuracy:.4g}"]
    assert baseline.split()[:3] == ["majority", "class", "0.5"]
    assert (between, classes.split()) == ("", ["class", "precision", "recall", "F1", "ROC-AUC", "support"])
    assert ([down.split()[0], up.split()[0]], down.split()[-1]) == (["down", "up"], "6")


def test_a_table_without_a_header_from_file_to_file(keepgate, file, tmp_path):
    rows = [f"{i % 2 or -1}\t" + "\t".join(str((i % 2) * t + i) for t in range(9)) for i in range(12)]
    data, out = file("Rise_TRAIN.tsv", [*rows, "-1\t0\tNaN\t5" + "\tNaN" * 6]), tmp_path / "run"
    outcome = keepgate("fit", "classify", data, "--out", out, "--class-weight", "1=3", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[:3] == [
        "13 series of 3 to 9 steps; channels: 'value'",
        "classes: '-1 (7)', '1 (6)'",
        "missing values: 1 (0.009 of all), filled by straight lines",
    ]
    assert keepgate("predict", out, data).out.count("\n") == 14
    outcome = keepgate("fit", "classify", data, "--out", tmp_path / "no", "--class-weight", "2=3", *FAST)
    assert outcome.code == 2
    assert "class_weight names the class '2'; the classes of y are '-1', '1'" in outcome.err
    assert not (tmp_path / "no" / "config.json").exists()


def test_columns_of_other_names_are_remembered(keepgate, file, tmp_path):
    lines = csv_lines(header="series,t,a,b,kind")
    flags = ("--id-column", "series", "--time-column", "t", "--label-column", "kind", "--channel-columns", "b")
    data = file("train.csv", lines)
    assert keepgate("fit", "classify", data, "--out", tmp_path / "run", *flags, *FAST).code == 0
    outcome = keepgate("predict", tmp_path / "run", data)
    assert outcome.out.splitlines()[0].replace('"', "").startswith("series,kind_hat,p_down")
    assert SequenceClassifier.load(tmp_path / "run").channels_ == ["b"]


def test_a_cell_of_ones_own(keepgate, file, tmp_path):
    cell = file(
        "mine.py",
        [
            "from keepgate.equations import Cell, affine, sigmoid, tanh",
            "class Mine(Cell):",
            "    state = ('h',)",
            "    def step(self, x, last):",
            "        z = sigmoid(affine('z', x, last.h))",
            "        return self.State(h=(1 - z) * last.h + z * tanh(affine('n', x)))",
        ],
    )
    data, out = file("train.csv", csv_lines()), tmp_path / "run"
    outcome = keepgate("fit", "classify", data, "--cell", f"{cell}:Mine", "--out", out, *FAST)
    assert outcome.code == 0
    cell.unlink()
    assert keepgate("evaluate", out, data).code == 0


def test_values_of_every_kind_of_flag_arrive(keepgate, file, tmp_path):
    flags = ("--no-bidirectional", "--clip-norm", "none", "--schedule", "constant", "--learning-rate", "0.02")
    out = tmp_path / "run"
    assert keepgate("fit", "classify", file("t.csv", csv_lines()), "--out", out, *flags, *FAST).code == 0
    found = SequenceClassifier.load(out)
    assert (found.bidirectional, found.clip_norm, found.schedule, found.learning_rate) == (
        False,
        None,
        "constant",
        0.02,
    )


@pytest.mark.slow
def test_japanese_vowels_from_the_command_line(keepgate, shared_data, tmp_path):
    folder, out = shared_data("japanese_vowels"), tmp_path / "run"
    assert keepgate("fit", "classify", folder / "JapaneseVowels_TRAIN.ts", "--out", out).code == 0
    outcome = keepgate("evaluate", out, folder / "JapaneseVowels_TEST.ts")
    own, baseline = outcome.out.splitlines()[1:3]
    assert float(own.split()[1]) >= 0.97  # one seed; the mean of three has a test of its own
    assert baseline.split()[2] == "0.08378"  # 31 of 370


def test_a_search_is_in_the_report(keepgate, file, tmp_path, monkeypatch):
    monkeypatch.setattr("keepgate.tasks.common.tuning._spent", lambda study: float(len(study.trials)))
    train, valid = file("train.ts", ts_lines()), file("valid.ts", ts_lines(seed=1))
    outcome = keepgate(
        *("fit", "classify", train, "--valid", valid, "--tune", "3", "--out", tmp_path / "run", "--epochs", "2")
    )
    assert outcome.code == 0
    assert "keepgate fit: of 3 trials the best has learning_rate=" in outcome.err
    html = (tmp_path / "run" / "report.html").read_text()
    assert "3 trials; grey ones were ended early" in html
    assert html.count("<svg") == 4
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["parameters"]["refit"] is None
    refused = keepgate("fit", "classify", train, "--tune", "-1", "--out", tmp_path / "other")
    assert (refused.code, refused.out) == (2, "")
    assert "minutes=-1.0 of the search are not above 0" in refused.err
