"""SequenceAutoencoder: what it computes, learns, scores and keeps, and training that begins with its weights."""

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from keepgate import SequenceAutoencoder, SequenceClassifier, Tagger
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.tasks.embed.detection import Detection
from keepgate.tasks.embed.examples import Pieces
from tasks.classify.test_sklearn import EXPECTED_FAILURES, STEPS
from tasks.embed.data import SMALL, sequences, waves


def test_four_numbers_tell_a_wave_of_any_phase(trained):
    """A phase and a length are all there is to know."""
    rows = {row["model"]: row["MSE"] for row in face(trained).evaluate(sequences(waves(30, seed=1)))}
    assert rows["lstm"] < 0.05 < 0.9 < rows["mean of each series"] <= rows["mean of the training data"]


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
