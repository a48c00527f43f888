"""The autoencoder's network against torch's LSTMs, one sequence at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate import networks as blocks
from keepgate.tasks.embed.network import AutoencoderNetwork, autoencoder
from tasks.embed.data import waves


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


def network(noise=0.0):
    torch.manual_seed(0)
    lstm = cells.get("lstm").equations
    reader, writer = blocks.Recurrent(lstm, 2, 4, bidirectional=True), blocks.Recurrent(lstm, 3, 4)
    return AutoencoderNetwork(autoencoder(reader, writer, noise=noise))


X = torch.randn(2, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
BATCH = X, torch.tensor([5, 2]), None


def test_the_loss_is_the_mean_over_valid_values():
    made = network().eval()
    _, lengths, _ = BATCH
    with torch.no_grad():
        written = made.decode(made.vectors(BATCH), lengths)
        z = made.standardise(X)
        wanted = torch.cat([(written[b, :n] - z[b, :n]).flatten() for b, n in enumerate(lengths.tolist())])
        assert float(made.loss(BATCH)) == pytest.approx(float(wanted.square().mean()), rel=1e-5)
        assert not made.errors(BATCH)[1, 2:].any()


def test_padding_changes_nothing():
    made = network().eval()
    with torch.no_grad():
        alone = made.vectors((X[1:, :2], torch.tensor([2]), None))
        torch.testing.assert_close(made.vectors(BATCH)[1:], alone)


def test_noise_is_on_what_is_read_and_not_on_what_is_wanted():
    made = network(noise=1.0).train()
    torch.manual_seed(0)
    vectors, errors = made.vectors_and_errors(BATCH)
    again = made.vectors(BATCH)
    assert not torch.equal(vectors, again)
    written = made.decode(vectors, BATCH[1])
    torch.testing.assert_close(errors[0], (written - made.standardise(X))[0].to(errors.dtype))


def test_restored_values_are_in_the_units_of_the_data():
    made = network().eval()
    made.standardise.fit([np.array([[1.0, 10.0], [3.0, 30.0]])])
    vectors, lengths = torch.randn(2, 3), torch.tensor([4, 3])
    with torch.no_grad():
        plain, restored = (made.decode(vectors, lengths, name) for name in ("output", "restored"))
    torch.testing.assert_close(
        restored, (plain.double() * torch.tensor([1.0, 10.0]) + torch.tensor([2.0, 20.0])), check_dtype=False
    )
