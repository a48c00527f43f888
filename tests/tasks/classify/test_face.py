"""What the command line shows of a classifier."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.classify.estimator import SequenceClassifier
from tasks.classify.data import SMALL


def test_scores_stand_beside_those_of_the_majority_class(data, fitted):
    X, y = data
    skewed = [i for i, label in enumerate(y) if label == "plus" or i % 3]
    X_test, y_test = [X[i] for i in skewed], y[skewed]
    own, baseline = face(fitted).evaluate(Sequences(range(len(X_test)), X_test, y_test, ["1", "2"]))
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(y), 1)), y)
    for row, guess in ((own, fitted.predict(X_test)), (baseline, dummy.predict(np.zeros((len(y_test), 1))))):
        assert row["accuracy"] == accuracy_score(y_test, guess)
        assert row["macro F1"] == f1_score(y_test, guess, average="macro", zero_division=0.0)
    assert (own["model"], baseline["model"]) == ("lstm", "majority class")


def test_it_is_said_whether_probabilities_are_calibrated(data, fitted):
    data = Sequences(range(60), data[0], data[1], ["1", "2"])
    assert face(fitted).about(data)[-1] == "probabilities are not calibrated, for nothing was held out"
    calibrated = SequenceClassifier(**SMALL).fit(data, valid=data)
    said = f"probabilities are calibrated, temperature {calibrated.temperature_:.3g}"
    assert face(calibrated).about(data)[-1] == said


def test_the_table_has_the_most_probable_class_and_every_probability(data, fitted):
    X, _ = data
    rows = face(fitted).table(Sequences([f"s{i}" for i in range(5)], X[:5], None, ["1", "2"])).to_pylist()
    probabilities = fitted.predict_proba(X[:5])
    for row, p in zip(rows, probabilities, strict=True):
        assert (row["p_minus"], row["p_plus"]) == tuple(p)
        assert row["label_hat"] == ("plus" if p[1] > p[0] else "minus")
    assert [row["unique_id"] for row in rows] == ["s0", "s1", "s2", "s3", "s4"]


def test_the_confusion_is_scikit_learns(data, fitted):
    X, y = data
    scores, each, confusion, confidence = face(fitted).report(Sequences(range(len(X)), X, y, ["1", "2"]), None)
    assert scores.text == "60 series."
    wanted = classification_report(y, fitted.predict(X), output_dict=True)
    assert [row["F1"] for row in each.rows] == [wanted[name]["f1-score"] for name in ("minus", "plus")]
    assert confidence.figure.axes[0].get_xlabel() == "confidence"
    wanted = confusion_matrix(y, fitted.predict(X))
    shown = [int(text.get_text()) for text in confusion.figure.axes[0].texts]
    assert shown == wanted.flatten().tolist()


def test_labelled_data_of_another_kind_are_refused(data, fitted):
    with pytest.raises(InputError, match=r"^the data are a list: give the Sequences that `read` makes of a file$"):
        face(fitted).evaluate(data[0])
