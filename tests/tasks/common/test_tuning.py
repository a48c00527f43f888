"""The search: it keeps what is best, goes on where it stopped, and leaves alone what was set."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import SequenceAutoencoder, SequenceClassifier, tune
from keepgate.errors import InputError
from keepgate.tasks.common.tuning import RANGES, searched, tuning_figure

SMALL = {"hidden_size": 4, "convolutions": False, "epochs": 4}
MINUTES = 60


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock by which each trial takes a fifth of the time, so that there are five."""
    monkeypatch.setattr("keepgate.tasks.common.tuning._spent", lambda study: MINUTES * len(study.trials) / 5)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 120)
    return random.normal(size=(120, 6, 1)) + 2 * y[:, None, None], y


def test_what_was_set_is_kept():
    assert "hidden_size" not in searched(SequenceClassifier(**SMALL))
    assert searched(SequenceClassifier(**SMALL))["learning_rate"] == SequenceClassifier().learning_rate
    assert {*searched(SequenceClassifier())} == {*RANGES}


def test_the_best_trial_is_fitted_on_all_data(data):
    tuned = tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES)
    rows = tuned.trials_
    assert {row["trial"] for row in rows} == {*range(5)}
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    best = next(row for row in rows if row["to the end"])
    names = searched(SequenceClassifier(**SMALL))
    assert {name: getattr(tuned, name) for name in names} == {name: best[name] for name in names}
    assert tuned.refit is None
    assert tuned.minutes is None
    again = SequenceClassifier(**tuned.get_params()).fit(*data)
    np.testing.assert_array_equal(again.predict_proba(data[0]), tuned.predict_proba(data[0]))


def test_the_defaults_are_tried_first(data):
    tuned = tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES)
    (first,) = [row for row in tuned.trials_ if row["trial"] == 0]
    assert {name: first[name] for name in searched(SequenceClassifier(**SMALL))} == searched(
        SequenceClassifier(**SMALL)
    )


def test_a_search_goes_on_in_its_folder(data, tmp_path):
    first = tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES, run=tmp_path)
    again = tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES, run=tmp_path)
    assert again.trials_ == first.trials_  # its time was over
    np.testing.assert_array_equal(again.predict_proba(data[0]), first.predict_proba(data[0]))


def test_a_trial_that_fails_is_only_that(data, monkeypatch):
    fit, calls = SequenceClassifier.fit, []

    def sometimes(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise InputError("the loss is not finite")
        return fit(self, *arguments, **options)

    monkeypatch.setattr(SequenceClassifier, "fit", sometimes)
    assert {row["trial"] for row in tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES).trials_} == {0, 2, 3, 4}
    monkeypatch.setattr(SequenceClassifier, "fit", lambda self, *_, **__: fit(self, [], []))
    with pytest.raises(InputError, match="no sequence"):
        tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES)


@pytest.mark.parametrize(
    ("estimator", "minutes", "said"),
    [
        (SequenceClassifier(**SMALL), 0, "minutes=0 of the search are not above 0"),
        (SequenceClassifier(**SMALL, hold_out=0), MINUTES, "needs held-out data"),
        (SequenceAutoencoder(hidden_size=4, epochs=1), MINUTES, "needs held-out data"),
    ],
)
def test_what_cannot_be_searched_is_named(estimator, minutes, said, data):
    with pytest.raises(InputError, match=said):
        tune(estimator, *data, minutes=minutes)


def test_a_picture_shows_each_parameter(data):
    rows = tune(SequenceClassifier(**SMALL), *data, minutes=MINUTES).trials_
    axes = [one for one in tuning_figure(rows).axes if one.get_xlabel()]
    assert [one.get_xlabel() for one in axes] == [name for name in RANGES if name in rows[0]]
