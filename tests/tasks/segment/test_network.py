"""The segmenter's network: augmentation that keeps frames, and its loss by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.tasks.common.counts import f1
from keepgate.tasks.segment.examples import RecordingExamples
from keepgate.tasks.segment.network import SegmenterNetwork, SteadyFrontEnd, assess, segment_loss
from keepgate.tasks.segment.scores import frame_scores
from tasks.segment.data import RATE


def test_augmented_recordings_keep_their_frames():
    torch.manual_seed(0)
    front_end = SteadyFrontEnd(RATE, 12, 1.0).train()
    x = torch.zeros(4, 60, 12)
    x[:, 20:30] = 8.0
    found, lengths = front_end(x, torch.full((4,), 60))
    assert found.shape == x.shape
    assert lengths.tolist() == [60] * 4
    loud = found.amax(-1) > found.amax(-1).mean(1, keepdim=True) + 1
    assert (loud == (torch.arange(60) // 10 == 2)).all()


def test_the_loss_is_that_of_the_frames_within_the_lengths(fitted):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(n, 12)).astype(np.float32) for n in (7, 3)]
    targets = [rng.random((n, 2)) < 0.5 for n in (7, 3)]
    batch = RecordingExamples(values, targets).batch([0, 1])
    with torch.no_grad():
        scores = fitted.network_(batch[0], batch[1]).double().numpy()
        found = float(segment_loss(fitted.network_, batch))
    p = np.concatenate([1 / (1 + np.exp(-scores[i, : len(v)])) for i, v in enumerate(values)])
    wanted = np.concatenate(targets)
    assert found == pytest.approx(-np.mean(np.where(wanted, np.log(p), np.log(1 - p))), rel=1e-5)


def test_measured_features_have_the_mean_0_and_the_deviation_1(fitted):
    network = fitted.network_
    frames = [np.random.default_rng(i).normal(3.0, 2.0, size=(20 + i, 12)).astype(np.float32) for i in range(3)]
    before = network.standardise.state_dict()
    kept = {name: value.clone() for name, value in before.items()}
    try:
        network.measure(frames)
        assert isinstance(network, SegmenterNetwork)
        z = network.standardise(torch.from_numpy(np.concatenate(frames)).double())
        (name,) = network.description.by_name["encoder.standardise"].sources
        assert name == "frames"
        np.testing.assert_allclose(z.mean(0), np.zeros(12), atol=1e-6)
        np.testing.assert_allclose(z.std(0, correction=0), np.ones(12), atol=1e-6)
    finally:
        network.standardise.load_state_dict(kept)


def test_the_score_of_batches_is_f1_of_all_frames(fitted):
    rng = np.random.default_rng(1)
    lengths = (7, 3, 12, 5)
    data = RecordingExamples(
        [rng.normal(size=(n, 12)).astype(np.float32) for n in lengths], [rng.random((n, 2)) < 0.5 for n in lengths]
    )
    batches = [data.batch([0, 1]), data.batch([2, 3])]
    with torch.no_grad():
        found = [assess(fitted.network_, batch, None) for batch in batches]
        guess = [one.numpy() > 0 for batch in batches for one in fitted.network_(*batch[:2])]
        losses = [float(segment_loss(fitted.network_, batch)) for batch in batches]
    assert [float(loss) for loss, _, _ in found] == losses
    guess = [one[:n] for one, n in zip(guess, lengths, strict=True)]
    assert f1(sum(counts for _, counts, _ in found).numpy()) == pytest.approx(frame_scores(data.targets, guess)["F1"])
