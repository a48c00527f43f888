"""What the command line shows of a regressor."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks import face


def test_scores_stand_beside_ridge_regression_and_the_mean(data, fitted):
    X, y = data
    given = Sequences(range(60), X, (y + 1).astype(str), ["1", "2"])
    own, ridge, mean = face(fitted).evaluate(given)
    assert [row["model"] for row in (own, ridge, mean)] == ["lstm", "ridge on summaries", "mean"]
    assert own["R2"] == pytest.approx(r2_score(y + 1, fitted.predict(X)))
    assert ridge["RMSE"] == pytest.approx(np.sqrt(np.mean((fitted.predict_baseline(X) - y - 1) ** 2)))
    assert mean["MAE"] == pytest.approx(np.abs(y + 1 - y.mean()).mean())
    low, high = fitted.predict_quantiles(X).T
    assert own["coverage 10-90"] == pytest.approx(np.mean((low <= y + 1) & (y + 1 <= high)))
    assert mean["coverage 10-90"] == ""


def test_the_table_has_the_number_and_its_quantiles(data, fitted):
    X, _ = data
    table = face(fitted).table(Sequences(["a", "b"], X[:2], None, ["1", "2"]))
    assert table.column_names == ["unique_id", "label_hat", "label_hat_q10", "label_hat_q90"]
    assert table["label_hat"].to_pylist() == fitted.predict(X[:2]).tolist()
    assert table["label_hat_q10"].to_pylist() == fitted.predict_quantiles(X[:2])[:, 0].tolist()


def test_the_report_shows_predicted_against_true(data, fitted):
    X, y = data
    scores, picture = face(fitted).report(Sequences(range(60), X, y, ["1", "2"]), None)
    assert scores.text == "60 series."
    (points, _) = picture.figure.axes[0].lines
    np.testing.assert_array_equal(points.get_xydata(), np.stack([y, fitted.predict(X)], 1))
    assert face(fitted).about(Sequences(range(60), X, y, ["1", "2"]))[-1].startswith("label: -0.9")


def test_other_data_are_refused(data, fitted):
    with pytest.raises(InputError, match=r"^the data are a list: give the Sequences that `read` makes of a file$"):
        face(fitted).evaluate(data[0])
    with pytest.raises(InputError, match=r"^fitting requires y to be passed"):
        face(fitted).evaluate(Sequences(range(60), data[0], None, ["1", "2"]))
