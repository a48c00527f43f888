"""Ensembles of tasks: the mean of networks that are fitted alone, in one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keepgate import SequenceClassifier, SequenceRegressor, Tagger
from keepgate.errors import InputError
from keepgate.runtime import Runner
from keepgate.tasks import estimator_class, face, load
from keepgate.tasks.common.ensembles import member, spread
from tasks import tiny

RANDOM = np.random.default_rng(0)
QUICK = {"epochs": 2, "hidden_size": 4, "batch_size": 8, "progress": False}
X = [RANDOM.normal(size=(n, 2)) for n in RANDOM.integers(3, 9, 40)]
CLASSES = ["odd" if len(x) % 2 else "even" for x in X]
NUMBERS = np.array([x.sum() for x in X])
WORDS = [["the", "cat", "sat"], ["a", "dog"], ["the", "dog", "sat", "down", "here"]] * 4
TAGS = [["D", "N", "V"], ["D", "N"], ["D", "N", "V", "A", "A"]] * 4
COUNT = 3


def fitted(kind, *data, **options):
    """Return an ensemble, and its members fitted alone, nothing held out."""
    made = {**QUICK, "hold_out": 0.0, **options}
    alone = [kind(**made, seed=5 + k).fit(*data) for k in range(COUNT)]
    return kind(**made, seed=5, ensemble=COUNT).fit(*data), alone


def test_probabilities_are_the_mean_of_those_of_classifiers_fitted_alone():
    whole, alone = fitted(SequenceClassifier, X, CLASSES)
    wanted = np.mean([one.predict_proba(X) for one in alone], 0)
    np.testing.assert_allclose(whole.predict_proba(X), wanted, atol=1e-6)
    for k, one in enumerate(alone):
        assert (member(whole, k).predict_proba(X) == one.predict_proba(X)).all()


def test_numbers_and_quantiles_are_the_mean_of_those_of_regressors_fitted_alone():
    whole, alone = fitted(SequenceRegressor, X, NUMBERS, quantiles=(0.1, 0.9))
    np.testing.assert_allclose(whole.predict(X), np.mean([one.predict(X) for one in alone], 0), atol=1e-5)
    raw = np.mean([one._outputs(X) for one in alone], 0)
    np.testing.assert_allclose(whole._outputs(X), raw, atol=1e-5)


@pytest.mark.parametrize("crf", [False, True])
def test_scores_of_tags_are_the_mean_of_those_of_taggers_fitted_alone(crf):
    whole, alone = fitted(Tagger, WORDS, TAGS, crf=crf)
    if crf:
        for name in ("transitions", "start", "end"):
            parts = [getattr(one.network_.crf, name).detach().numpy() for one in alone]
            np.testing.assert_allclose(getattr(whole.network_.crf, name).detach(), np.mean(parts, 0), atol=1e-7)
    else:
        for found, *parts in zip(whole.predict_proba(WORDS), *(one.predict_proba(WORDS) for one in alone), strict=True):
            np.testing.assert_allclose(found, np.mean(parts, 0), atol=1e-6)


@pytest.mark.parametrize("name", ["classify", "regress", "tag", "tag spans", "transcribe", "transcribe ink"])
def test_an_ensemble_is_saved_as_one_folder(name, tmp_path):
    made = tiny.TINY[name]
    options = {**made.options, "ensemble": 2}
    whole, data = _fit(name, options, tmp_path)
    whole.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.ensemble == 2
    assert tiny.answers(again, data) == tiny.answers(whole, data)
    assert any(key.startswith("member.1.") for key in Runner.load(tmp_path / "run").tensors)
    with pytest.raises(InputError, match="ensemble=1 was set after fit"):
        again.set_params(ensemble=1).check_fitted()


def _fit(name, options, folder):
    before = tiny.TINY[name]
    kind = estimator_class(before.task)
    data = (folder / before.data).absolute()
    before.write(data)
    whole = kind(**{**tiny.SMALL, **options})
    whole.fit(face(whole).read(data))
    face(whole).bind_columns(kind.Columns())
    return whole, data


def test_all_members_choose_by_one_held_out_part_and_are_calibrated_together():
    whole = SequenceClassifier(**QUICK, hold_out=0.25, refit=False, ensemble=2).fit(X, CLASSES)
    assert whole.temperature_ is not None
    assert [row["member"] for row in whole.history_] == [1, 1, 2, 2]
    mean = np.mean([member(whole, k).predict_proba(X) for k in range(2)], 0) ** (1 / whole.temperature_)
    np.testing.assert_allclose(whole.predict_proba(X), mean / mean.sum(1, keepdims=True), atol=1e-6)
    assert "10 of 40 examples were held out and chose epoch" in whole.fit_notes_[0]
    assert whole.fit_notes_[0].count(" of 2") == 2


def test_what_was_prepared_is_the_same_in_all_members(tmp_path):
    first = SequenceClassifier(**QUICK, convolutions=False).fit(X, CLASSES)
    first.save(tmp_path / "first")
    none = {**QUICK, "epochs": 1, "learning_rate": 1e-12, "weight_decay": 0.0, "init": str(tmp_path / "first")}
    whole = SequenceClassifier(**none, ensemble=2).fit(X, CLASSES)
    theirs, state = first.network_.state_dict(), whole.network_.state_dict()
    for k in range(2):
        name = "recurrent.weight_hh_l0"
        np.testing.assert_allclose(state[f"member.{k}.{name}"], theirs[name], atol=1e-9)
    assert (state["member.0.output.weight"] != state["member.1.output.weight"]).any()


def test_training_begins_with_no_ensemble(tmp_path):
    SequenceClassifier(**QUICK, convolutions=False, ensemble=2).fit(X, CLASSES).save(tmp_path / "run")
    with pytest.raises(InputError, match="is an ensemble of 2 networks; give one that was fitted alone"):
        SequenceClassifier(**QUICK, init=str(tmp_path / "run")).fit(X, CLASSES)


def test_scores_of_single_members_are_told_beside_those_of_the_ensemble():
    whole = SequenceClassifier(**QUICK, ensemble=2).fit(X, CLASSES)
    whole.columns_ = whole.Columns()
    alone = [float((member(whole, k).predict(X) == np.array(CLASSES)).mean()) for k in range(2)]
    from keepgate.data.sequences import Sequences

    data = Sequences(values=X, channels=["a", "b"], ids=[str(i) for i in range(len(X))], labels=CLASSES)
    *_, mean, deviation = face(whole).evaluate(data)
    assert (mean["model"], mean["accuracy"]) == ("single members: mean", pytest.approx(np.mean(alone)))
    assert deviation["accuracy"] == pytest.approx(np.std(alone))
    assert face(whole).report(data, None)[-1].rows == [mean, deviation]


def test_spread_keeps_what_is_no_number():
    rows = spread([{"model": "a", "kind": "x", "score": 1.0}, {"model": "b", "kind": "x", "score": 3.0}])
    assert rows == [
        {"model": "single members: mean", "kind": "x", "score": 2.0},
        {"model": "single members: deviation", "kind": "x", "score": 1.0},
    ]


def test_there_is_no_member_beyond_the_last():
    with pytest.raises(InputError, match="no member 2: the model has 2, from 0 to 1"):
        member(SequenceClassifier(**QUICK, ensemble=2).fit(X, CLASSES), 2)


KILLED = """\
import os, signal, sys
import numpy as np
from keepgate import SequenceClassifier
from tasks.common.test_ensembles import CLASSES, QUICK, X

def stop(row, network):
    if os.path.exists(sys.argv[1] + "/member-2/metrics.jsonl"):
        os.kill(os.getpid(), signal.SIGKILL)

SequenceClassifier(**QUICK, ensemble=3).fit(X, CLASSES, run=sys.argv[1], callbacks=[stop])
"""


def test_a_killed_training_goes_on_with_the_member_that_it_was_at(tmp_path):
    tests = Path(__file__).parents[2]
    given = {**os.environ, "PYTHONPATH": str(tests)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=given, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "member-2").is_dir()
    assert not (tmp_path / "member-3").exists()
    resumed = SequenceClassifier(**QUICK, ensemble=3).fit(X, CLASSES, run=tmp_path)
    straight = SequenceClassifier(**QUICK, ensemble=3).fit(X, CLASSES)
    assert (resumed.predict_proba(X) == straight.predict_proba(X)).all()


def test_progress_says_which_member_is_trained(monkeypatch, capsys):
    monkeypatch.setattr("keepgate.training.progress.BETWEEN_LINES", 0.0)
    SequenceClassifier(**{**QUICK, "progress": True}, ensemble=2).fit(X, CLASSES)
    said = capsys.readouterr().err
    assert "member 1 of 2, epoch 1/2" in said
    assert "member 2 of 2, epoch 2/2" in said
