"""scikit-learn's own checks of an estimator, and the few that do not fit sequences."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from keepgate import SequenceRegressor

# The columns of a two-dimensional X are the steps of series of one channel. There is one feature, and a series may be
# longer or shorter than those fitted to.
STEPS = "asks that the number of columns stays as it was in fit; here columns are steps, whose number is free"
EXPECTED_FAILURES = {
    "check_n_features_in": "asks for n_features_in_ = columns of X; here columns are steps of one channel",
    "check_n_features_in_after_fitting": STEPS,
}


@parametrize_with_checks(
    [SequenceRegressor(hidden_size=8, epochs=20, learning_rate=0.03)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
