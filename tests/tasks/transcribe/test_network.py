"""The transcriber's network: what it is given, and what padding and other rows change."""

from __future__ import annotations

import pytest
import torch

from keepgate import Transcriber
from tasks.transcribe.data import RATE, SMALL


def test_a_recording_that_is_known_whole_is_taken_from_its_mean():
    torch.manual_seed(0)
    x, lengths = torch.randn(3, 9, 4), torch.tensor([9, 5, 1])
    model = Transcriber(bands=4, hidden_size=2, num_layers=1)
    model.kind_, model.rate_, model.symbols_, model.stack_ = "audio", RATE, ["a"], 2
    model.check_parameters()
    network = model.build_network()

    def whole(x):
        return network.run({"frames": x, "lengths": lengths}, "centred")

    found = whole(x)
    for row, given, n in zip(found, x, lengths, strict=True):
        torch.testing.assert_close(row[:n], given[:n] - given[:n].mean(0))
    microphone = torch.tensor([0.5, -2.0, 3.0, 0.0])  # a filter adds to logarithms of power
    torch.testing.assert_close(whole(x + microphone)[:, :1], found[:, :1])
    torch.testing.assert_close(whole(x + microphone)[0], found[0])


def test_the_held_out_score_is_that_of_the_estimator(data):
    X, y, _ = data
    valid = X[40:53], y[40:53]
    model = Transcriber(**SMALL, epochs=4, learning_rate=0.02, progress=False)
    model.fit(X[:40], y[:40], rate=RATE, valid=valid)
    scores = [row["valid_score"] for row in model.history_]
    assert len(set(scores)) > 1
    assert model.score(*valid, RATE) == pytest.approx(max(scores))
