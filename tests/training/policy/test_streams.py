"""Layers of a policy and its critic, step by step."""

import numpy as np
import torch

from keepgate.nn import GRU, LSTM
from keepgate.training.policy.streams import Streams, joined, of_rows


def test_they_go_on_from_their_states_and_reset_rows():
    layers, x = [LSTM(3, 4, 2), GRU(3, 5)], torch.randn(6, 2, 3)
    streams, outputs = Streams(layers, 2), [torch.empty(2, 4), torch.empty(2, 5)]
    for t in range(3):
        streams.step(x[t], outputs)
    states = streams.states
    assert [len(state) for state in states] == [2, 1]
    again = Streams(layers, 2)
    again.states = states
    again.reset(np.array([True, False]))
    for t in range(3, 6):
        again.step(x[t], outputs)
    for layer, output in zip(layers, outputs, strict=True):
        whole, begun = layer(x)[0][-1], layer(x[3:])[0][-1]
        torch.testing.assert_close(output, torch.stack([begun[0], whole[1]]).detach())


def test_rows_are_picked_and_joined():
    streams = Streams([LSTM(3, 4), GRU(3, 5)], 4)
    streams.step(torch.randn(4, 3), [torch.empty(4, 4), torch.empty(4, 5)])
    states = streams.states
    parts = [of_rows(states, torch.tensor(rows)) for rows in ([2, 0], [1, 3])]
    for one, two in zip(joined(parts), states, strict=True):
        for found, whole in zip(one, two, strict=True):
            assert torch.equal(found, whole[:, [2, 0, 1, 3]])
