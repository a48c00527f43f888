"""`fit embed` and `detect`, from files to files."""

import csv
import io

import numpy as np
import pytest

from cli.files import FAST, csv_lines, refused
from keepgate.tasks import face
from keepgate.tasks.embed.estimator import SequenceAutoencoder


def wave_lines(count=8, fault=None):
    """Waves of 20 steps; in series `fault` one step is far off."""
    rows = []
    for i in range(count):
        wave = np.sin(np.arange(20) / 3 + i)
        wave[9] += 50 * (i == fault)
        rows += [f"s{i},{t},{value:.4f}" for t, value in enumerate(wave)]
    return ["unique_id,ds,y", *rows]


@pytest.fixture
def ordinary(keepgate, file, tmp_path):
    outcome = keepgate("fit", "embed", file("waves.csv", wave_lines()), "--out", tmp_path / "run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert "mean of each series" in outcome.out
    return tmp_path / "run"


def test_predict_writes_the_vectors(keepgate, file, ordinary):
    outcome = keepgate("predict", ordinary, file("new.csv", wave_lines(3)))
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["unique_id"] for row in rows] == ["s0", "s1", "s2"]
    autoencoder = SequenceAutoencoder.load(ordinary)
    vectors = autoencoder.transform(face(autoencoder).read_alike(file("new.csv", wave_lines(3))))
    np.testing.assert_allclose([float(row["v32"]) for row in rows], vectors[:, 31], rtol=1e-6)


def test_detect_prints_the_stretch_and_writes_scores_and_report(keepgate, file, ordinary, tmp_path):
    data = file("new.csv", wave_lines(fault=4))
    out, report = tmp_path / "scores.csv", tmp_path / "report.html"
    outcome = keepgate("detect", ordinary, data, "--out", out, "--report", report)
    assert outcome.code == 0
    series, begin, end, steps, channel, _ = outcome.out.splitlines()[1].split()
    assert (series, channel) == ("s4", "y")
    assert int(begin) <= 9 <= int(end) < int(begin) + int(steps)  # by the column ds, which counts from 0
    assert outcome.err.endswith("(1 is ordinary).\n")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 160
    worst = max(rows, key=lambda row: float(row["anomaly_score"]))
    assert (worst["unique_id"], worst["step"], worst["ds"], worst["anomaly"]) == ("s4", "10", "9", "true")
    assert "Series s4" in report.read_text()
    assert keepgate("detect", ordinary, data, "--by", "series").out.splitlines()[1].split()[0] == "s4"


def test_nothing_is_printed_where_nothing_stands_out(keepgate, file, ordinary):
    outcome = keepgate("detect", ordinary, file("same.csv", wave_lines()), "--quantile", "1")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith("0 of 160 steps")


def test_wrong_input_is_refused_and_nothing_is_written(keepgate, file, ordinary, tmp_path):
    data = file("new.csv", wave_lines())
    out = tmp_path / "scores.csv"
    refused(keepgate("detect", ordinary, data, "--quantile", "2", "--out", out), "quantile=2.0 is not above 0")
    refused(keepgate("detect", ordinary, data, "--out", tmp_path / "scores.txt"), "ends in none of .csv")
    refused(keepgate("detect", ordinary, tmp_path / "absent.csv"), "absent.csv")
    refused(keepgate("detect", ordinary, file("other.csv", csv_lines()), "--out", out), "no column 'y'")
    assert not out.exists()
    assert keepgate("detect", ordinary, data, "--by", "word").code == 2


def test_detect_takes_runs_of_embed_alone(keepgate, file, run):
    refused(keepgate("detect", run, file("new.csv", wave_lines())), "holds a model for 'classify'")


def test_fit_begins_with_the_weights_of_a_run(keepgate, file, ordinary, tmp_path):
    header, *lines = wave_lines()
    data = file("labelled.csv", [f"{header},kind", *(f"{line},{'ab'[int(line[1]) % 2]}" for line in lines)])
    options = ("--label-column", "kind", "--out", tmp_path / "kinds")
    assert keepgate("fit", "classify", data, *options, "--init", ordinary, *FAST).code == 0
    other = keepgate("fit", "classify", data, *options, "--init", ordinary, "--no-progress", "--hidden-size", "5")
    refused(other, "1 x 4 units of lstm", "this one 1 x 5 units")
    refused(keepgate("fit", "classify", data, *options, "--init", tmp_path / "absent", *FAST), "absent")
