"""What the command line shows of an autoencoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.tasks import face
from tasks.embed.data import sequences, waves


def test_the_report_has_pictures_and_the_map(fitted):
    data = sequences(waves(20), labels=np.array(["x", "y"] * 10))
    errors, vectors, *series = face(fitted).report(data, None)
    assert next(row["model"] for row in errors.rows) == "lstm"
    assert len(vectors.figure.axes[0].get_legend().get_texts()) == 2
    assert len(series) == 4
    assert [ax.get_ylabel() for ax in series[0].figure.axes] == ["a", "b"]


def test_the_table_has_vectors_and_mean_scores(fitted):
    data = sequences(waves(3))
    rows = face(fitted).table(data).to_pylist()
    scores = [score.mean() for score in fitted.anomaly_scores(data)]
    for row, vector, score in zip(rows, fitted.transform(data), scores, strict=True):
        np.testing.assert_allclose([row[f"v{k}"] for k in range(1, 6)], vector)
        assert row["anomaly_score"] == pytest.approx(score)


def test_errors_stand_beside_those_of_constants(fitted):
    """The mean of the training data standardizes to 0, so its error is the mean square of standardized values."""
    data = sequences(waves(4, seed=5))
    own, each, whole = face(fitted).evaluate(data)
    z = [fitted.network_.standardise(torch.from_numpy(value)).numpy() for value in data.values]
    assert whole["MSE"] == pytest.approx(np.square(np.concatenate(z)).mean())
    assert each["MSE"] == pytest.approx(np.concatenate([np.square(v - v.mean(0)) for v in z]).mean())
    errors = [a - b for a, b in zip(fitted.reconstruct(data), data.values, strict=True)]
    deviation = np.concatenate(waves(20)).std(0)
    assert own["MSE"] == pytest.approx(np.square(np.concatenate(errors) / deviation).mean(), rel=1e-4)


def test_labels_may_be_missing_in_a_file(fitted, tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("unique_id,ds,a,b\ns,0,1,2\ns,1,3,4\n")
    data = face(fitted).read(path)
    assert data.labels is None
    assert data.values[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
