"""How a network is fitted: passes, what is held out by itself, and the second training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from keepgate import SequenceClassifier
from keepgate.tasks.classify.network import ClassifierNetwork
from keepgate.tasks.common.fitting import passes, share_held_out, still_improving, worth_a_second
from keepgate.tasks.common.sequences import SequenceExamples
from keepgate.training import Part, held_out_indices, train

SMALL = {"hidden_size": 4, "convolutions": False, "epochs": 3, "batch_size": 20, "select": "loss", "folds": 0}


def data(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, count)
    return random.normal(size=(count, 6, 1)) + y[:, None, None], y


def weights(estimator) -> list[np.ndarray]:
    return [value.numpy() for value in estimator.network_.state_dict().values()]


def test_passes_count_windows():
    streams = SequenceExamples([np.zeros((1000, 1))] * 8)
    assert passes(streams, 8, 100, updates=2000, bounds=(1, 1000)) == 200  # ten windows a pass
    assert passes(streams, 4, None, updates=20, bounds=(1, 1000)) == 10
    assert passes(streams, 4, None, updates=2, bounds=(3, 1000)) == 3
    assert passes(streams, 4, None, updates=20_000, bounds=(3, 1000)) == 1000


def test_many_data_are_read_less_often():
    many = SequenceExamples([np.zeros((1, 1))] * 1_000)
    assert passes(many, 10, None, updates=100, bounds=(20, 100), enough=700) == 7
    assert passes(many, 10, None, updates=100, bounds=(20, 100), enough=100) == 3
    assert passes(many, 10, None, updates=100, bounds=(20, 100), enough=5_000) == 20
    assert passes(many, 10, None, updates=100, bounds=(2, 100), enough=5_000) == 2
    assert passes(many, 10, None, updates=1_000, bounds=(20, 100), enough=100) == 10  # what learning takes, in any case


@pytest.mark.parametrize(
    ("asked", "count", "share"),
    [(None, 99, 0), (None, 100, 0.1), (None, 10_000, 0.1), (None, 40_000, 0.025), (0.3, 10, 0.3), (0.0, 1000, 0)],
)
def test_how_much_is_held_out(asked, count, share):
    assert share_held_out(asked, count) == share


@pytest.mark.parametrize(("asked", "share", "again"), [(None, 0.1, True), (None, 0.02, False), (True, 0.02, True)])
def test_what_is_held_out_is_learned_where_it_is_much(asked, share, again):
    assert worth_a_second(asked, share) is again


def test_a_tenth_is_held_out_by_class_and_is_learned_again(monkeypatch):
    """The two trainings, written out; what calibrates the probabilities afterwards is left out."""
    monkeypatch.setattr(ClassifierNetwork, "cool", lambda self, temperature: None)
    X, y = data()
    fitted = SequenceClassifier(**SMALL).fit(X, y)
    held_out = held_out_indices(len(y), 0.1, 0, classes=y.tolist())
    rest = np.setdiff1d(np.arange(len(y)), held_out)

    first = SequenceClassifier(**SMALL, hold_out=0).fit(X[rest], y[rest], valid=(X[held_out], y[held_out]))
    assert len(fitted.history_) == 3
    assert all(row["valid_loss"] is not None for row in fitted.history_)
    # The input is standardised by all sequences, so the losses differ a little from those of a part alone.
    assert [r["valid_loss"] for r in fitted.history_] == pytest.approx(
        [r["valid_loss"] for r in first.history_], rel=0.05
    )

    best = SequenceClassifier(**SMALL, refit=False).fit(X, y)
    everything = SequenceExamples([*X], y.astype(np.int64))
    settings = replace(best.settings(), epochs=1, learning_rate=0.3 * best.learning_rate)  # a fifth of three epochs
    train(best.network_, ClassifierNetwork.loss, everything, None, settings)
    for mine, theirs in zip(weights(fitted), weights(best), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_is_calibrated_went_on_as_the_last_did_without_what_was_held_out(monkeypatch):
    monkeypatch.setattr(ClassifierNetwork, "cool", lambda self, temperature: None)
    X, y = data()
    seen = []

    def calibrate(self, held_out):
        seen.append(([value.clone().numpy() for value in self.network_.state_dict().values()], held_out))

    with monkeypatch.context() as patch:
        patch.setattr(SequenceClassifier, "calibrate", calibrate)
        fitted = SequenceClassifier(**SMALL).fit(X, y)
    ((found, held_out),) = seen
    best = SequenceClassifier(**SMALL, refit=False).fit(X, y)
    indices = held_out_indices(len(y), 0.1, 0, classes=y.tolist())
    np.testing.assert_array_equal(held_out.indices, indices)
    rest = Part(SequenceExamples([*X], y.astype(np.int64)), np.setdiff1d(np.arange(len(y)), indices))
    settings = replace(best.settings(), epochs=1, learning_rate=0.3 * best.learning_rate)
    train(best.network_, ClassifierNetwork.loss, rest, None, settings)
    for mine, theirs in zip(found, weights(best), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert any((mine != last).any() for mine, last in zip(found, weights(fitted), strict=True))


def test_without_a_second_training_the_best_epoch_is_kept():
    X, y = data()
    fitted = SequenceClassifier(**SMALL, refit=False).fit(X, y)
    again = SequenceClassifier(**SMALL).fit(X, y)
    assert fitted.history_[0]["train_loss"] == again.history_[0]["train_loss"]
    assert any((a != b).any() for a, b in zip(weights(fitted), weights(again), strict=True))


def test_few_data_are_all_learned():
    X, y = data(60)
    assert all(row["valid_loss"] is None for row in SequenceClassifier(**SMALL).fit(X, y).history_)


def test_a_second_training_that_was_cut_off_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    X, y = data()
    whole = SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "whole")
    calls = []

    def stop(model, loss, part, *rest):
        def limited(model, batch):
            calls.append(1)
            if len(calls) > 20:  # three epochs of six batches and of a held-out one, then the second training
                raise KeyboardInterrupt
            return loss(model, batch)

        return train(model, limited, part, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("keepgate.tasks.common.fitting.train", stop)
        with pytest.raises(KeyboardInterrupt):
            SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "cut")
    assert (tmp_path / "cut" / "checkpoint").exists()
    resumed = SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "cut")
    for mine, theirs in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def row(valid: float | None) -> dict:
    return {"valid_loss": valid}


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([3.0, 2.0, 1.5, 1.4, 1.0], "from 1.4 to 1 in the last 1 of 5 epochs"),
        ([3.0, 2.0, 1.05, 1.04, 1.0], None),
        ([3.0, 1.0, 2.0, 2.0, 2.0], None),
        ([3.0, 1.0], None),
        ([None, None, None], None),
    ],
)
def test_a_fit_that_still_improves_is_told(losses, said):
    sentence = still_improving([row(loss) for loss in losses])
    assert sentence is None if said is None else said in sentence


def test_what_was_held_out_is_told():
    X, y = data()
    assert SequenceClassifier(**SMALL).fit(X, y).fit_notes_ == [
        "12 of 120 examples were held out and chose epoch 3 of 3; then all were learned"
    ]
    assert SequenceClassifier(**SMALL, refit=False).fit(X, y).fit_notes_[0].endswith("; they were not learned")
    assert SequenceClassifier(**SMALL, hold_out=0).fit(X, y).fit_notes_ == []
