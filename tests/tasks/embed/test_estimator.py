"""SequenceAutoencoder: what it computes, learns, scores and keeps, and training that begins with its weights."""

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from keepgate import SequenceAutoencoder, SequenceClassifier, Tagger
from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.embed.detection import Detection
from keepgate.tasks.embed.examples import Pieces
from tasks.classify.test_sklearn import EXPECTED_FAILURES, STEPS

SMALL = {"hidden_size": 8, "vector_size": 5, "epochs": 2}


def waves(count, seed=0):
    """Sines of two channels, 20 to 29 steps, of any phase."""
    rng = np.random.default_rng(seed)
    turns = [np.arange(rng.integers(20, 30)) / 3 + rng.uniform(0, 6) for _ in range(count)]
    return [np.stack([np.sin(turn), 3 + 2 * np.cos(turn)], axis=1) for turn in turns]


@pytest.fixture(scope="module")
def fitted():
    return SequenceAutoencoder(**SMALL).fit(waves(20))


@pytest.fixture(scope="module")
def trained():
    return SequenceAutoencoder(vector_size=4, hidden_size=32, epochs=40, learning_rate=0.01).fit(waves(100))


def test_it_computes_what_torchs_lstms_do_one_sequence_at_a_time(fitted):
    network = fitted.network_
    reader, writer = torch.nn.LSTM(2, 8, bidirectional=True), torch.nn.LSTM(5, 8)
    reader.load_state_dict(network.recurrent.state_dict())
    writer.load_state_dict(network.writer.state_dict())
    X = waves(6, seed=1)
    every = np.concatenate(waves(20))
    mean, deviation = every.mean(0), every.std(0)
    vectors, again = fitted.transform(X), fitted.reconstruct(X)
    by_vectors = fitted.inverse_transform(vectors, [len(x) for x in X])
    with torch.no_grad():
        for i, x in enumerate(X):
            _, (h, _) = reader(torch.tensor((x - mean) / deviation, dtype=torch.float32))
            vector = network.vector(torch.cat([h[0], h[1]]))
            np.testing.assert_allclose(vectors[i], vector, atol=1e-5)
            written, _ = writer(vector.expand(len(x), -1))
            expected = network.output(written).numpy()[::-1] * deviation + mean
            np.testing.assert_allclose(again[i], expected, atol=1e-4)
            np.testing.assert_allclose(by_vectors[i], expected, atol=1e-4)


def test_four_numbers_tell_a_wave_of_any_phase(trained):
    """A phase and a length are all there is to know."""
    rows = {row["model"]: row["MSE"] for row in face(trained).evaluate(sequences(waves(30, seed=1)))}
    assert rows["lstm"] < 0.05 < 0.9 < rows["mean of each series"] <= rows["mean of the training data"]


def sequences(values, channels=("a", "b"), labels=None):
    return Sequences([f"s{i}" for i in range(len(values))], values, labels, list(channels))


def test_a_fault_is_where_the_scores_are_highest(trained):
    values = waves(10, seed=2)
    values[3][12:15, 0] = 1.5
    found = Detection.of(trained, sequences(values), 0.999, "step")
    worst = found.rows()[0]
    assert worst["series"] == "s3"
    assert worst["begin"] <= 14
    assert worst["end"] >= 13
    assert Detection.of(trained, sequences(values), 0.99, "series").rows()[0]["series"] == "s3"
    table = found.table().to_pylist()
    assert len(table) == sum(map(len, values))
    assert [row["step"] for row in table if row["unique_id"] == "s3"] == list(range(1, len(values[3]) + 1))
    assert [row["anomaly"] for row in table] == [row["anomaly_score"] > found.threshold for row in table]
    assert "s3" in found.sections(trained)[1].title


def test_pieces_hold_every_step_and_are_put_together_again():
    long = np.concatenate(waves(12))
    autoencoder = SequenceAutoencoder(**SMALL, piece=16).fit([long, long[:10]])
    cut = Pieces.cut([long, long[:10]], 16, 2)
    pieces, places = cut.values, cut.places
    assert all(len(piece) == 16 for piece, (i, _) in zip(pieces, places, strict=True) if i == 0)
    assert [len(piece) for piece, (i, _) in zip(pieces, places, strict=True) if i == 1] == [10]
    starts = [start for i, start in places if i == 0]
    assert (starts[0], starts[-1]) == (0, len(long) - 16)
    assert max(np.diff(starts)) == 8
    whole = SequenceAutoencoder(**SMALL).fit([long[:16]])
    whole.network_.load_state_dict(autoencoder.network_.state_dict())
    parts = [whole.reconstruct([long[start : start + 16]])[0] for start in starts]
    t = 20  # in the pieces that start at 8 and 16
    expected = (parts[1][t - 8] + parts[2][t - 16]) / 2
    np.testing.assert_allclose(autoencoder.reconstruct([long])[0][t], expected, atol=1e-5)
    vectors = np.concatenate([whole.transform([long[start : start + 16]]) for start in starts])
    np.testing.assert_allclose(autoencoder.transform([long])[0], vectors.mean(0), atol=1e-5)


def test_a_model_file_gives_the_same_vectors_and_scores(fitted, tmp_path):
    fitted.save(tmp_path)
    again = SequenceAutoencoder.load(tmp_path)
    X = waves(4, seed=3)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    for a, b in zip(again.anomaly_scores(X), fitted.anomaly_scores(X), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_ordinary_is_seen_on_the_held_out_part():
    noisy = [x + np.random.default_rng(0).normal(size=x.shape) for x in waves(8, seed=1)]
    alone = SequenceAutoencoder(**SMALL).fit(waves(20))
    beside = SequenceAutoencoder(**SMALL).fit(waves(20), valid=noisy)
    assert beside.anomaly_scores(noisy)[0].mean() < alone.anomaly_scores(noisy)[0].mean()
    assert np.concatenate(beside.anomaly_scores(noisy)).mean() == pytest.approx(1, rel=0.05)


def test_the_report_has_pictures_and_the_map(fitted):
    data = sequences(waves(20), labels=np.array(["x", "y"] * 10))
    errors, vectors, *series = face(fitted).report(data, None)
    assert next(row["model"] for row in errors.rows) == "lstm"
    assert len(vectors.figure.axes[0].get_legend().get_texts()) == 2
    assert len(series) == 4
    assert [ax.get_ylabel() for ax in series[0].figure.axes] == ["a", "b"]


EXPECTED = {name: why for name, why in EXPECTED_FAILURES.items() if "features" in name}
EXPECTED["check_transformer_general"] = STEPS


@parametrize_with_checks(
    [SequenceAutoencoder(hidden_size=8, vector_size=3, epochs=2)],
    expected_failed_checks=lambda _: EXPECTED,
    xfail_strict=True,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_training_begins_with_the_weights_of_the_run(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    X, y = [2 * x for x in waves(8)], ["a", "b"] * 4
    still = {"hidden_size": 8, "epochs": 1, "learning_rate": 1e-12, "init": str(tmp_path / "run")}
    classifier = SequenceClassifier(**still, weight_decay=0.0).fit(X, y)
    tagger = Tagger(**still, weight_decay=0.0).fit(X, [[str(k % 2) for k in range(len(x))] for x in X])
    for network, standardise in (
        (classifier.network_, classifier.network_.standardise),
        (tagger.network_, tagger.network_.encoder.standardise),
    ):
        for name, weight in network.recurrent.state_dict().items():
            torch.testing.assert_close(weight, fitted.network_.recurrent.state_dict()[name])
        torch.testing.assert_close(standardise.mean, fitted.network_.standardise.mean)
    classifier.save(tmp_path / "classifier")  # the run that it began with is not needed any more
    (tmp_path / "run").rename(tmp_path / "gone")
    SequenceClassifier.load(tmp_path / "classifier")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_size": 9}, "1 x 8 units of lstm in both directions over 2 inputs, this one 1 x 9 units"),
        ({"cell": "gru"}, "this one 1 x 8 units of gru"),
        ({"bidirectional": False}, "this one 1 x 8 units of lstm in one direction"),
    ],
)
def test_weights_of_another_shape_are_refused(fitted, tmp_path, options, words):
    fitted.save(tmp_path)
    with pytest.raises(InputError, match=words):
        SequenceClassifier(**{"hidden_size": 8, "epochs": 1, "init": str(tmp_path), **options}).fit(
            waves(4), ["a", "b", "a", "b"]
        )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: a.transform([np.zeros((3, 1))]), r"X\[0\] has 1 channels where 2"),
        (lambda a: a.transform([]), "no sequence"),
        (lambda a: a.inverse_transform(np.zeros((2, 4)), [3, 3]), r"expected \[N, 5\] and \[N\]"),
        (lambda a: a.inverse_transform(np.zeros((1, 5)), [0]), "from 1 on"),
        (lambda a: Detection.of(a, sequences(waves(2)), 1.5, "step"), "quantile=1.5 is not above 0"),
        (lambda a: Detection.of(a, sequences(waves(2)), 0.9, "word"), "none of step, series"),
    ],
)
def test_wrong_data_are_refused_in_one_sentence(fitted, call, words):
    with pytest.raises(InputError, match=words):
        call(fitted)
