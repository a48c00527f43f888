"""SequenceClassifier: what it learns, what it computes, what it keeps."""

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score, log_loss

from keepgate import export
from keepgate.cells import get
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.runtime import Runner
from keepgate.tasks import face, face_class
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.classify.scores import class_scores
from keepgate.tasks.common.padded import pad_frames
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
    powers = classifier.predict_proba(valid[0]) ** classifier.temperature_  # as before they were calibrated
    loss = log_loss(valid[1], powers / powers.sum(axis=1, keepdims=True))
    assert loss == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("select", ["accuracy", "macro-f1"])
def test_the_epoch_of_the_best_held_out_score_is_kept(data, select):
    X, y = first_step_decides(40, seed=3)
    classifier = SequenceClassifier(hidden_size=4, epochs=6, learning_rate=0.02, select=select).fit(*data, valid=(X, y))
    scores = [row["valid_score"] for row in classifier.history_]
    assert len(set(scores)) > 1
    found = class_scores((np.asarray(y) == "plus").astype(int), classifier.predict_proba(X))
    assert found[select.replace("-f1", " F1")] == pytest.approx(max(scores))


@pytest.mark.parametrize("convolutions", [True, False])
def test_what_is_held_out_calibrates_every_runtime(data, tmp_path, convolutions):
    classifier = SequenceClassifier(**SMALL, convolutions=convolutions)
    classifier.fit(*data, valid=first_step_decides(40, seed=3))
    X, lengths = pad_frames(first_step_decides(20, seed=4)[0])
    wanted = classifier.predict_proba([x[:n] for x, n in zip(X.numpy(), lengths.tolist(), strict=True)])
    classifier.save(tmp_path)
    given = {"x": X.numpy(), "lengths": lengths.numpy()}
    np.testing.assert_allclose(Runner.load(tmp_path).run(given, "probabilities"), wanted, atol=1e-6)
    export.onnx(classifier, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": given["x"], "lengths": given["lengths"]})
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert SequenceClassifier.load(tmp_path).temperature_ == classifier.temperature_


def test_only_what_is_held_out_calibrates(data, fitted, tmp_path):
    assert fitted.temperature_ is None
    classifier = SequenceClassifier(**SMALL, select="loss").fit(*data, valid=data, run=tmp_path)
    last = SequenceClassifier(**SMALL).fit(*data)
    powers = last.predict_proba(data[0]) ** (1 / classifier.temperature_)
    calibrated = classifier.predict_proba(data[0])
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), calibrated, rtol=1e-4)
    again = SequenceClassifier(**SMALL, select="loss").fit(*data, valid=data, run=tmp_path)  # it was finished
    np.testing.assert_array_equal(again.predict_proba(data[0]), calibrated)


def test_what_is_held_out_by_itself_calibrates(tmp_path):
    X, y = first_step_decides(120)
    model = SequenceClassifier(hidden_size=8, epochs=4, learning_rate=0.02).fit(X, y, run=tmp_path)
    assert model.temperature_ is not None
    again = SequenceClassifier(hidden_size=8, epochs=4, learning_rate=0.02).fit(X, y, run=tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


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
        (lambda X, y: ([*X[:-1], np.full((3, 2), np.nan)], y), r"X\[59\] has no value at all \(NaN in every step\)"),
        (lambda X, y: ([*X[:-1], np.full((3, 2), np.inf)], y), r"X\[59\] has an infinite value \(inf\) at step 0"),
        (lambda X, y: ([x * [1, np.nan] for x in X], y), "channel 2 of X has no value in any series"),
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


def test_classes_weigh_by_name(data, monkeypatch):
    X, y = data
    seen = []
    monkeypatch.setattr(SequenceClassifier, "train_network", lambda self, *given, **more: seen.append(given))
    weights = {"minus": 3.0, "plus": 0.5}
    for given in (weights, "minus=3 plus=0.5"):
        SequenceClassifier(class_weight=given, folds=0).fit(X, y, sample_weight=np.arange(60.0))
        examples = seen[-1][1]
        wanted = np.array([weights[label] for label in y]) * np.arange(60)
        np.testing.assert_array_equal(examples.weights, wanted[1:].astype(np.float32))  # without what counts nothing
        np.testing.assert_array_equal(examples.batch(np.array([2, 0]))[3].numpy(), examples.weights[[2, 0]])


def test_weights_of_classes_are_kept_with_the_model(data, tmp_path):
    first = SequenceClassifier(**SMALL, class_weight={"minus": 3, "plus": 0.5}).fit(*data)
    first.save(tmp_path)
    back = SequenceClassifier.load(tmp_path)
    again = SequenceClassifier(**SMALL, class_weight=back.class_weight).fit(*data)
    np.testing.assert_array_equal(again.predict_proba(data[0]), first.predict_proba(data[0]))


def test_gaps_are_filled_and_ends_cut(data, fitted):
    X, y = data
    values = np.array([[0.0, np.nan, 2.0, 3.0, np.nan], [1.0, 1.0, 1.0, 1.0, np.nan]]).T
    values[4] = np.nan
    whole = np.array([[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]]).T
    np.testing.assert_array_equal(fitted.predict_proba([values]), fitted.predict_proba([whole]))
    empty = np.column_stack([np.arange(4.0), np.full(4, np.nan)])
    mean = np.column_stack([np.arange(4.0), np.full(4, np.concatenate(X)[:, 1].mean())])
    np.testing.assert_allclose(fitted.predict_proba([empty]), fitted.predict_proba([mean]), atol=1e-6)
    holes = [np.where(np.arange(len(x))[:, None] == 4, np.nan, x) for x in X]
    lines = [np.where(np.arange(len(x))[:, None] == 4, (x[3] + x[5]) / 2, x) for x in X]
    one, other = (SequenceClassifier(**SMALL).fit(part, y).predict_proba(X) for part in (holes, lines))
    np.testing.assert_allclose(one, other, atol=1e-6)


def long_frame(X, y):
    rows = [
        {"patient": f"p{i}", "second": t, "rhythm": label, "lead1": x[t, 0], "lead2": x[t, 1]}
        for i, (x, label) in enumerate(zip(X, y, strict=True))
        for t in range(len(x))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pandas])
def test_a_long_table_is_read_by_its_columns(data, fitted, make, tmp_path):
    X, y = data
    table = make(long_frame(X, y).sample(frac=1, random_state=0, ignore_index=True))
    ids = list(dict.fromkeys(table["patient"] if not isinstance(table, pa.Table) else table["patient"].to_pylist()))
    order = [int(name[1:]) for name in ids]
    names = {"id_column": "patient", "time_column": "second", "label_column": "rhythm"}
    model = SequenceClassifier(**SMALL).fit(table, **names, valid=table)
    listed = SequenceClassifier(**SMALL).fit([X[i] for i in order], y[order], valid=([X[i] for i in order], y[order]))
    np.testing.assert_array_equal(model.predict_proba(table), listed.predict_proba([X[i] for i in order]))
    model.save(tmp_path)
    back = SequenceClassifier.load(tmp_path)
    np.testing.assert_array_equal(back.predict_proba(table), model.predict_proba(table))
    assert (model.channels_, back.columns_.label_column) == (["lead1", "lead2"], "rhythm")


def test_a_wide_table_is_read_by_its_labels():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(30, 6)), np.repeat([3, 5], 15)
    frame = pd.DataFrame(X).assign(label=y)
    model = SequenceClassifier(**SMALL).fit(frame)
    np.testing.assert_array_equal(model.predict_proba(X), SequenceClassifier(**SMALL).fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(model.predict_proba(frame), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict_proba(pd.DataFrame(X)), model.predict_proba(X))
    assert model.classes_.tolist() == [3, 5]


def test_columns_are_told_by_name(data):
    table = long_frame(*data)
    with pytest.raises(InputError, match=r"^fit has no argument 'labels'; columns are named by 'id_column', 'time_col"):
        SequenceClassifier(**SMALL).fit(table, labels="rhythm")
    with pytest.raises(InputError, match=r"^the table has no column 'label' but 'patient', "):
        SequenceClassifier(**SMALL).fit(table, id_column="patient")


def test_turned_axes_are_noticed(data):
    X = np.random.default_rng(0).normal(size=(20, 2, 9))
    with pytest.warns(UserWarning, match=r"^X is taken as \[N, T, C\], 20 series of 2 steps and 9 channels; if it is"):
        model = SequenceClassifier(**SMALL).fit(X, data[1][:20])
    with pytest.raises(InputError, match=r"X\[0\] has 2 channels where 9 .*; all have 9 in their first axis"):
        model.predict(X.transpose(0, 2, 1))
    ragged = [np.ones((3, n)) for n in (5, 7, 6)]
    with pytest.raises(InputError, match=r"X\[1\] has 7 channels where 5 .*: if these are the channels, .* \[x.T for"):
        SequenceClassifier(**SMALL).fit(ragged, [0, 1, 0])
