"""scikit-learn's own checks of an estimator, and the few that do not fit sequences."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from keepgate.tasks.classify.estimator import SequenceClassifier

# The columns of a two-dimensional X are the steps of series of one channel. There is one feature, and a series may be
# longer or shorter than those fitted to.
STEPS = "asks that the number of columns stays as it was in fit; here columns are steps, whose number is free"
EXPECTED_FAILURES = {
    "check_n_features_in": "asks for n_features_in_ = columns of X; here columns are steps of one channel",
    "check_n_features_in_after_fitting": STEPS,
    "check_sample_weight_equivalence_on_dense_data": "asks for the bits of repeated rows; batches are drawn otherwise",
    "check_classifiers_train": STEPS + " (its other demands are tested below)",
}


SMALL = {"hidden_size": 8, "epochs": 20, "learning_rate": 0.03}
# The check asks for 1e-7; torch's convolutions round by the size of a batch, by that much on some machines.
ROUNDED = {"check_methods_subset_invariance": "convolutions of float32 round by the size of a batch"}


@parametrize_with_checks(
    [SequenceClassifier(**SMALL, convolutions=False)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [SequenceClassifier(**SMALL)], expected_failed_checks=lambda _: {**EXPECTED_FAILURES, **ROUNDED}, xfail_strict=False
)
def test_checks_of_scikit_learn_with_convolutions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_check_classifiers_train_asks_beyond_the_number_of_columns(kind):
    """Three blobs are told apart, predictions have the shapes and the sums that they must have, lists do for arrays."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 100)
    X = (rng.normal(size=(300, 2)) + np.array([[0, 0], [6, 0], [0, 6]])[y]).astype(kind)
    classifier = SequenceClassifier(hidden_size=8, epochs=20, learning_rate=0.03).fit(X, y)
    predicted, probabilities = classifier.predict(X), classifier.predict_proba(X)
    assert predicted.shape == (300,)
    assert probabilities.shape == (300, 3)
    assert (predicted == y).mean() > 0.83  # scikit-learn's own bound
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predicted)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(X.tolist()), predicted)
    with pytest.raises(ValueError):
        classifier.fit(X, y[:-1])


def test_it_works_inside_scikit_learns_tools():
    """A pipeline, a grid search and a cross-validation over images of digits, read as 8 rows of 8 pixels."""
    X, y = load_digits(n_class=3, return_X_y=True)
    rows = FunctionTransformer(lambda X: X.reshape(-1, 8, 8))
    pipeline = make_pipeline(rows, SequenceClassifier(epochs=10, hidden_size=16, learning_rate=0.01))
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.9
    search = GridSearchCV(pipeline, {"sequenceclassifier__hidden_size": np.array([1, 16])}, cv=2).fit(X, y)
    assert search.best_params_ == {"sequenceclassifier__hidden_size": 16}
