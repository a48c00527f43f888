"""A wide stream is tried with one thread and with several, and has the bits of the whole sequence all along."""

from __future__ import annotations

import pytest
import torch

from keepgate.nn import LSTM
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")


@pytest.mark.parametrize("threads", ["1", "2", "3"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stream_has_the_bits_of_a_sequence_whatever_its_threads(threads: str, batch: int, monkeypatch):
    monkeypatch.setenv("KEEPGATE_THREADS", threads)
    torch.manual_seed(0)
    layer, xs = LSTM(40, 250, num_layers=2), torch.randn(40, batch, 40)
    stream = layer.stream(batch)
    found = torch.stack([stream.step(x) for x in xs])
    with torch.no_grad():
        output, (h, c) = layer(xs)
    assert torch.equal(found, output)
    assert torch.equal(stream.state[0], h)
    assert torch.equal(stream.state[1], c)
