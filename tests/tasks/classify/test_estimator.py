"""SequenceClassifier: what it learns, what it computes, what it keeps."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from keepgate.cells import get
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks import face, face_class
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.classify.scores import class_scores
from keepgate.tasks.embed.estimator import SequenceAutoencoder
from keepgate.training import train
from tasks.classify.data import SMALL, first_step_decides


def test_it_learns_what_needs_a_memory():
    classifier = SequenceClassifier(hidden_size=16, epochs=15, noise=0.1, learning_rate=0.01)
    classifier.fit(*first_step_decides(300))
    assert classifier.score(*first_step_decides(200, seed=1)) > 0.97


def test_a_pretrained_start_leaves_out_the_convolutions(data, tmp_path):
    folder = tmp_path / "vectors"
    SequenceAutoencoder(hidden_size=8, epochs=1).fit(data[0]).save(folder)
    assert SequenceClassifier(**SMALL, init=str(folder)).fit(*data).pools_ == ()


def test_a_sequence_is_classified_alike_alone_and_beside_longer_ones(data, fitted):
    X, _ = data
    together = fitted.predict_proba(X)
    alone = np.concatenate([fitted.predict_proba([x]) for x in X])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_forms_of_X_give_the_same(fitted):
    block = np.random.default_rng(2).normal(size=(6, 9, 2))
    expected = fitted.predict_proba(list(block))
    np.testing.assert_array_equal(fitted.predict_proba(block), expected)
    named = Sequences(range(6), list(block), None, ["u", "v"])
    np.testing.assert_array_equal(fitted.predict_proba(named), expected)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(data, fitted):
    X, y = data
    again = SequenceClassifier(**SMALL).fit(X, y).predict_proba(X)
    other = SequenceClassifier(**SMALL, seed=1).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(again, fitted.predict_proba(X))
    assert not np.array_equal(other, again)


def test_a_constant_channel_does_no_harm(data):
    X, y = data
    X = [np.column_stack([x, np.full(len(x), 7.0)]) for x in X]
    assert np.isfinite(SequenceClassifier(**SMALL).fit(X, y).predict_proba(X)).all()


def test_saved_and_loaded_is_the_same(data, fitted, tmp_path):
    X, _ = data
    fitted.save(tmp_path)
    back = SequenceClassifier.load(tmp_path)
    assert back.get_params() == fitted.get_params()
    np.testing.assert_array_equal(back.predict_proba(X), fitted.predict_proba(X))
    assert back.n_features_in_ == 2


def test_a_cell_from_a_file_is_kept_as_equations(data, tmp_path):
    X, y = data
    file = tmp_path / "mine.py"
    file.write_text(
        "from keepgate.equations import Cell, affine, tanh\n"
        "class Mine(Cell):\n"
        "    state = ('h',)\n"
        "    def step(self, x, last):\n"
        "        return self.State(h=0.5 * last.h + 0.5 * tanh(affine('n', x, last.h)))\n"
    )
    classifier = SequenceClassifier(**SMALL, cell=f"{file}:Mine").fit(X, y)
    classifier.save(tmp_path / "model")
    file.unlink()
    back = SequenceClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(back.predict_proba(X), classifier.predict_proba(X))


def test_a_cell_may_be_given_as_an_object(data, tmp_path):
    X, y = data
    classifier = SequenceClassifier(**SMALL, cell=get("peephole_lstm")).fit(X, y)
    expected = SequenceClassifier(**SMALL, cell="peephole_lstm").fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    classifier.save(tmp_path)
    np.testing.assert_array_equal(SequenceClassifier.load(tmp_path).predict_proba(X), expected)


@pytest.mark.parametrize(
    "options", [{"num_layers": 2}, {"bidirectional": False}, {"cell": "gru"}, {"noise": 0.25}, {"convolutions": False}]
)
def test_the_networks_parameters_reach_the_network(data, fitted, options, tmp_path):
    X, y = data
    classifier = SequenceClassifier(**SMALL, **options).fit(X, y)
    assert not np.array_equal(classifier.predict_proba(X), fitted.predict_proba(X))
    classifier.save(tmp_path)
    np.testing.assert_array_equal(SequenceClassifier.load(tmp_path).predict_proba(X), classifier.predict_proba(X))


def test_the_epoch_of_the_best_held_out_loss_is_kept(data):
    X, y = data
    valid = first_step_decides(40, seed=3)
    classifier = SequenceClassifier(hidden_size=8, epochs=12, learning_rate=0.05, select="loss").fit(X, y, valid=valid)
    losses = [row["valid_loss"] for row in classifier.history_]
    assert log_loss(valid[1], classifier.predict_proba(valid[0])) == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("select", ["accuracy", "macro-f1"])
def test_the_epoch_of_the_best_held_out_score_is_kept(data, select):
    X, y = first_step_decides(40, seed=3)
    classifier = SequenceClassifier(hidden_size=4, epochs=6, learning_rate=0.02, select=select).fit(*data, valid=(X, y))
    scores = [row["valid_score"] for row in classifier.history_]
    assert len(set(scores)) > 1
    found = class_scores(np.asarray(y), classifier.predict(X))
    assert found[select.replace("-f1", " F1")] == pytest.approx(max(scores))


@pytest.mark.parametrize("select", ["accuracy", "macro-f1", "loss"])
def test_patience_stops_the_training(data, select):
    X, y = data
    rng = np.random.default_rng(0)
    valid = [rng.normal(size=(5, 2)) for _ in range(20)], rng.choice(["minus", "plus"], 20)  # nothing to learn
    classifier = SequenceClassifier(hidden_size=8, epochs=60, learning_rate=0.05, patience=2, select=select)
    classifier.fit(X, y, valid=valid)
    ranks = [(-row.get("valid_score", 0.0), row["valid_loss"]) for row in classifier.history_]
    assert len(ranks) < 60
    assert len(ranks) == ranks.index(min(ranks)) + 1 + 2


def test_an_interrupted_run_goes_on_to_the_same_bits(data, monkeypatch, tmp_path):
    X, y = data
    whole = SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "whole")

    def stop(model, loss, *rest):
        calls = []

        def limited(model, batch):
            calls.append(1)
            if len(calls) > 5:  # in the third epoch of two batches each
                raise KeyboardInterrupt
            return loss(model, batch)

        return train(model, limited, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("keepgate.tasks.common.fitting.train", stop)
        with pytest.raises(KeyboardInterrupt):
            SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "cut")
    resumed = SequenceClassifier(**SMALL).fit(X, y, run=tmp_path / "cut")
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("options", [{"label_smoothing": 0.3}, {"noise": 0.2}, {"dropout": 0.1}, {"epochs": 4}])
def test_a_run_goes_on_only_with_what_it_began_with(data, options, tmp_path):
    SequenceClassifier(**SMALL).fit(*data, run=tmp_path)
    with pytest.raises(InputError, match="holds a run with"):
        SequenceClassifier(**{**SMALL, **options}).fit(*data, run=tmp_path)


def test_named_channels_are_taken_by_name(data):
    X, y = data
    classifier = SequenceClassifier(**SMALL).fit(Sequences(range(len(X)), X, y, ["u", "v"]))
    turned = Sequences(range(len(X)), [x[:, ::-1] for x in X], y, ["v", "u"])
    np.testing.assert_array_equal(classifier.predict_proba(turned), classifier.predict_proba(X))
    with pytest.raises(InputError, match=r"have 1 channels \('u'\); the model was trained on 2 \('u', 'v'\)"):
        classifier.predict(Sequences([0], [np.ones((3, 1))], None, ["u"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, None), "requires y"),
        (lambda X, y: (X, y[:-1]), "60 sequences in X, 59 labels in y"),
        (lambda X, y: (X, ["same"] * 60), "y has only 1 class"),
        (lambda X, y: (X, np.linspace(0, 1, 60)), "[Cc]ontinuous|Unknown label type"),
        (lambda X, y: ([*X[:-1], X[-1][:, :1]], y), r"X\[59\] has 1 channels where 2 are expected"),
        (lambda X, y: ([*X[:-1], np.full((3, 2), np.nan)], y), r"X\[59\] has NaN"),
        (lambda X, y: ([], []), "no sequence"),
    ],
)
def test_what_cannot_be_fitted_to_is_told(data, change, message):
    with pytest.raises(InputError, match=message):
        SequenceClassifier(**SMALL).fit(*change(*data))


def test_a_class_that_only_the_held_out_part_has_is_told(data):
    X, y = data
    with pytest.raises(
        InputError, match="class 'zero' was not in the training data, whose classes are 'minus', 'plus'"
    ):
        SequenceClassifier(**SMALL).fit(X, y, valid=(X[:1], ["zero"]))


def test_other_numbers_of_channels_are_told(fitted):
    with pytest.raises(InputError, match=r"X\[0\] has 3 channels where 2 are expected"):
        fitted.predict(np.ones((2, 4, 3)))


@pytest.mark.slow
def test_japanese_vowels_by_default_settings(shared_data):
    folder = shared_data("japanese_vowels")
    train_part, test_part = (face_class("classify").read(folder / f"JapaneseVowels_{p}.ts") for p in ("TRAIN", "TEST"))
    models = [SequenceClassifier(seed=seed).fit(train_part) for seed in range(3)]
    scores = [face(model).evaluate(test_part)[0]["accuracy"] for model in models]
    assert np.mean(scores) >= 0.98


def rare(count, seed, share=0.05):
    """Noisy sines, 5 % of them with a bump of a twentieth of their length."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(count) < share, "bump", "none")
    steps = np.arange(60)
    X = [np.sin(steps / 5 + rng.uniform(0, 6)) + 0.5 * rng.normal(size=60) for _ in range(count)]
    for x, label in zip(X, y, strict=True):
        if label == "bump":
            x[(first := rng.integers(5, 50)) : first + 3] += 2.5
    return [x[:, None] for x in X], y


@pytest.mark.slow
def test_balanced_weights_find_a_rare_class():
    """A class of 5 % of 400 series: most are found."""
    X, y = rare(400, 0)
    test, truth = rare(1_000, 1)
    found = SequenceClassifier(class_weight="balanced").fit(X, y).predict(test)
    assert float((found == truth)[truth == "bump"].mean()) >= 0.6
    assert f1_score(truth, found, pos_label="bump") > 0.5


def test_balanced_weights_are_those_of_the_loss(data):
    X, y = data[0][:20], ["rare"] * 4 + ["often"] * 16
    network = SequenceClassifier(**SMALL, class_weight="balanced").fit(X, y).network_
    assert network.class_weights is not None
    np.testing.assert_allclose(network.class_weights, compute_class_weight("balanced", classes=np.unique(y), y=y))
    assert "class_weights" not in network.state_dict()
