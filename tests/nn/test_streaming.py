"""Streams: layers one step at a time have the bits of the whole sequence."""

from __future__ import annotations

import pytest
import torch

from keepgate.errors import InputError
from keepgate.nn import GRU, LSTM, Recurrent


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_a_stack_of_layers(make: type[Recurrent]):
    layer = make(3, 5, num_layers=3, dropout=0.5).eval()
    stream, x = layer.stream(batch=4), torch.randn(9, 4, 3)
    with torch.no_grad():
        wanted, final = layer(x[:6])
    assert torch.equal(torch.stack([stream.step(one) for one in x[:6]]), wanted)
    for got, right in zip(_tuple(stream.state), _tuple(final), strict=True):
        assert torch.equal(got, right)
    stream.reset()
    stream.state = final
    with torch.no_grad():
        wanted, _ = layer(x[6:], final)
    assert torch.equal(torch.stack([stream.step(one) for one in x[6:]]), wanted)


def test_a_stack_with_step_inputs():
    layer = Recurrent("time_aware_lstm", 3, 5, num_layers=2)
    stream, x, elapsed = layer.stream(batch=4), torch.randn(6, 4, 3), torch.rand(6, 4, 1)
    with torch.no_grad():
        wanted, _ = layer(x, step_inputs={"elapsed": elapsed})
    got = [stream.step(one, step_inputs={"elapsed": e}) for one, e in zip(x, elapsed, strict=True)]
    assert torch.equal(torch.stack(got), wanted)


def test_a_stream_checks_tensors():
    layer = LSTM(3, 5)
    stream = layer.stream(batch=2)
    for x in (torch.zeros(2, 4), torch.zeros(1, 3), torch.zeros(2, 3, dtype=torch.float64)):
        with pytest.raises(InputError, match=r"expected x of shape \(2, 3\)"):
            stream.step(x)
    with pytest.raises(InputError, match="expected output of shape"):
        stream.step(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(InputError, match="contiguous"):
        stream.step(torch.zeros(2, 3), torch.zeros(5, 2).T)
    assert torch.equal(stream.step(torch.ones(3, 2).T), layer.stream(batch=2).step(torch.ones(2, 3)))


def _tuple(state):
    return state if isinstance(state, tuple) else (state,)
