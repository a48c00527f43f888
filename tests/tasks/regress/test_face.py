"""What the command line shows of a regressor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score

from keepgate import SequenceRegressor
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.regress.face import RegressorFace
from keepgate.tasks.regress.parameters import RegressColumns
from keepgate.tasks.regress.targets import as_targets, targets_of
from tasks.regress.data import SMALL, first_step_decides


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
    *_, label, quantiles = face(fitted).about(Sequences(range(60), X, y, ["1", "2"]))
    assert label.startswith("label: -0.9")
    assert quantiles.startswith("quantiles are as they were learned")


def test_several_columns_of_numbers_with_gaps_from_file_to_report(tmp_path):
    X, y = first_step_decides(120)
    rows = ["who,ds,a,b,dose,age"]
    for k, (x, number) in enumerate(zip(X, y, strict=True)):
        told = f"{number},{50 - number}"
        rows += [f"{k},{t},{a:.4f},{'' if t % 5 == 3 else f'{b:.4f}'},{told}" for t, (a, b) in enumerate(x)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    columns = RegressColumns(id_column="who", label_column="dose", further_columns=("age",))
    data = RegressorFace.read(tmp_path / "t.csv", columns)
    np.testing.assert_allclose(as_targets(targets_of(data, None), 120), np.stack([y, 50 - y], 1))
    model = SequenceRegressor(**SMALL, quantiles=(0.1, 0.9)).fit(data)
    shown = face(model)
    shown.bind_columns(columns)
    table = shown.table(data)
    assert table.column_names == ["who", *(f"{n}_hat{q}" for n in ("dose", "age") for q in ("", "_q10", "_q90"))]
    assert table["age_hat_q90"].to_pylist() == model.predict_quantiles(data)[:, 1, 1].tolist()
    rows = shown.evaluate(data)
    assert [(row["column"], row["model"]) for row in rows[2:4]] == [("dose", "mean"), ("age", "lstm")]
    assert rows[3]["MAE"] == pytest.approx(np.abs(model.predict(data)[:, 1] - 50 + y).mean())
    _, dose, age = shown.report(data, None)
    assert (dose.title, age.title) == tuple(f"Predicted against true {n} on the training data" for n in ("dose", "age"))
    lines = shown.about(data)
    assert [line.partition(":")[0] for line in lines[2:4]] == ["dose", "age"]
    assert lines[1].startswith("missing values: ")
    assert lines[-1] == "quantiles are moved to where they are right on what was held out"
    with pytest.raises(InputError, match=r"^the data have 1 numbers for each series; the model predicts 2$"):
        shown.evaluate(replace(data, labels=y))


def test_other_data_are_refused(data, fitted):
    with pytest.raises(InputError, match=r"^the data are a list: give the Sequences that `read` makes of a file$"):
        face(fitted).evaluate(data[0])
    with pytest.raises(InputError, match=r"^fitting requires y to be passed"):
        face(fitted).evaluate(Sequences(range(60), data[0], None, ["1", "2"]))
