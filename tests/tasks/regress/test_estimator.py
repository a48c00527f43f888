"""SequenceRegressor: what it learns, what it computes, what it keeps."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from keepgate import SequenceRegressor
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from tasks.regress.data import SMALL, first_step_decides, peaks_apart


def test_it_learns_what_needs_a_memory():
    regressor = SequenceRegressor(hidden_size=16, epochs=15, learning_rate=0.01, convolutions=False)
    regressor.fit(*first_step_decides(300))
    assert regressor.score(*first_step_decides(200, seed=1)) > 0.95


@pytest.mark.slow
def test_it_learns_what_no_summary_tells():
    regressor = SequenceRegressor().fit(*peaks_apart(400))
    X, y = peaks_apart(200, seed=1)
    spread = np.square(y - y.mean()).sum()
    assert regressor.score(X, y) > 0.85
    assert 1 - np.square(regressor.predict_baseline(X) - y).sum() / spread < 0.4


def test_quantiles_are_those_of_the_noise():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(600, 3))
    y = 100 + 10 * X[:, 2] + 5 * rng.normal(size=600)
    quantiles = {"quantiles": (0.9, 0.1), "hidden_size": 8, "epochs": 20, "learning_rate": 0.01}
    regressor = SequenceRegressor(**quantiles, convolutions=False, dropout=0.0, hold_out=0.0)
    regressor.fit(X[:400], y[:400])
    low, high = regressor.predict_quantiles(X[400:]).T
    assert np.mean((low <= y[400:]) & (y[400:] <= high)) == pytest.approx(0.8, abs=0.08)
    assert (high - low).mean() == pytest.approx(2 * 1.2816 * 5, rel=0.15)


def test_targets_of_any_size_are_learned_alike(data):
    X, y = data
    one = SequenceRegressor(**SMALL).fit(X, y)
    other = SequenceRegressor(**SMALL).fit(X, 1e6 + 1e-3 * y)
    np.testing.assert_allclose((other.predict(X) - 1e6) * 1e3, one.predict(X), atol=1e-4)


def test_several_targets_and_one_column_come_back_as_they_were_given(data):
    X, y = data
    both = SequenceRegressor(**SMALL, quantiles=(0.5,)).fit(X, np.stack([y, 3 - y], 1))
    assert both.predict(X).shape == (60, 2)
    assert both.predict_quantiles(X).shape == (60, 1, 2)
    assert both.predict_baseline(X).shape == (60, 2)
    assert SequenceRegressor(**SMALL).fit(X, y[:, None]).predict(X).shape == (60, 1)
    with pytest.raises(InputError, match=r"^y has the shape \(60,\); the model was fitted to 2 targets$"):
        SequenceRegressor(**SMALL).fit(X, np.stack([y, y], 1), valid=(X, y))


def test_a_sequence_is_read_alike_alone_and_beside_longer_ones(data, fitted):
    X, _ = data
    alone = np.concatenate([fitted.predict([x]) for x in X])
    np.testing.assert_allclose(fitted.predict(X), alone, atol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(data, fitted):
    X, y = data
    again = SequenceRegressor(**SMALL, quantiles=(0.1, 0.9)).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert not np.array_equal(SequenceRegressor(**SMALL, seed=1).fit(X, y).predict(X), fitted.predict(X))


def test_saved_and_loaded_is_the_same(data, fitted, tmp_path):
    X, _ = data
    fitted.save(tmp_path)
    back = SequenceRegressor.load(tmp_path)
    assert back.get_params() == fitted.get_params()
    for ask in ("predict", "predict_quantiles", "predict_baseline"):
        np.testing.assert_array_equal(getattr(back, ask)(X), getattr(fitted, ask)(X))


def test_training_data_may_carry_their_numbers(data, fitted):
    X, y = data
    carried = Sequences(range(60), X, y.astype(str), ["1", "2"])
    found = SequenceRegressor(**SMALL, quantiles=(0.1, 0.9)).fit(carried)
    np.testing.assert_array_equal(found.predict(X), fitted.predict(X))


def test_values_may_be_missing_and_a_sequence_may_end_early(data):
    X, y = data
    holes = [np.where(np.arange(x.size).reshape(x.shape) % 7 == 5, np.nan, x) for x in X]
    filled = [np.stack([pd.Series(c).interpolate(limit_direction="both") for c in x.T], 1) for x in holes]
    longer = [np.vstack([x, np.full((3, 2), np.nan)]) for x in holes]
    one, other = SequenceRegressor(**SMALL).fit(longer, y), SequenceRegressor(**SMALL).fit(filled, y)
    np.testing.assert_allclose(one.predict(longer), other.predict(filled), rtol=1e-5)
    np.testing.assert_allclose(one.predict_baseline(longer), other.predict_baseline(filled))


@pytest.mark.parametrize("ensemble", [1, 2])
def test_quantiles_are_moved_by_what_was_held_out_and_stay_so(tmp_path, ensemble):
    X, y = first_step_decides(120)
    same = {**SMALL, "quantiles": (0.1, 0.9), "ensemble": ensemble, "refit": False}
    model = SequenceRegressor(**same).fit(X[:80], y[:80], valid=(X[80:], y[80:]))
    low, high = model.predict_quantiles(X[80:]).T
    assert (np.sum(y[80:] < low), np.sum(y[80:] > high)) == (3, 3)  # rank 4 of 40 from either end lies on the quantile
    model.save(tmp_path)
    back = SequenceRegressor.load(tmp_path)
    np.testing.assert_array_equal(back.predict_quantiles(X), model.predict_quantiles(X))
    np.testing.assert_array_equal(back.shift_, model.shift_)
    assert SequenceRegressor(**SMALL).fit(X, y).shift_ is None


def test_mistakes_are_told(data, fitted):
    X, y = data
    with pytest.raises(InputError, match=r"^quantiles=\(0.0,\) are not different numbers between 0 and 1$"):
        SequenceRegressor(quantiles=(0.0,)).fit(X, y)
    with pytest.raises(InputError, match=r"^this regressor has no quantiles: fit one with quantiles=\(0.1, 0.9\), say"):
        SequenceRegressor(**SMALL).fit(X, y).predict_quantiles(X)
    with pytest.raises(InputError, match=r"^quantiles=\(0.5,\) was set after fit, which had \(0.9, 0.1\): fit again"):
        fitted.set_params(quantiles=(0.5,)).predict(X)
    fitted.set_params(quantiles=(0.9, 0.1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": [1.0, 2.0]}, r"fitted\.mean has 2 values for 1 targets"),
        ({"shift": [[1.0]]}, r"fitted\.shift has not 1 numbers for each of 2 quantiles"),
        ({"n_targets": 2}, r"fitted\.mean has 1 values for 2 targets"),
        ({"ridge": {"weights": [[1.0]], "constants": [0.0]}}, r"fitted\.ridge\.weights has not 15 numbers for each"),
    ],
)
def test_a_state_that_does_not_fit_itself_is_refused(fitted, change, words):
    with pytest.raises(InputError, match=words):
        copy.copy(fitted).set_state({**fitted.state_to_json(), **change})
