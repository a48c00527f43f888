from __future__ import annotations

from itertools import product

import pytest
import torch

from keepgate.nn.layout import Layout

LAYOUTS = [Layout(*flags) for flags in product([True, False], repeat=3)]
T, B, R, W = 5, 3, 2, 4
INSIDE = torch.arange(T * B * W).view(T, B, W)
STATE = torch.arange(R * B * W).view(R, B, W)


def outside(layout, value, batch_first):
    """By einsum: where each axis goes."""
    if not layout.batched:
        return value[:, 0]
    return torch.einsum("abw->baw", value) if batch_first else value


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_sequences_and_states_go_out_and_in(layout):
    x, h = (INSIDE, STATE) if layout.batched else (INSIDE[:, :1], STATE[:, :1])
    assert torch.equal(layout.sequence(x), outside(layout, x, layout.batch_first))
    assert torch.equal(layout.time_major(layout.sequence(x)), x)
    assert torch.equal(layout.states([h])[0], outside(layout, h, layout.state_batch_first))
    assert torch.equal(layout.by_rows(layout.states([h])[0]), h)
    assert layout.state_shape(R, B, W) == tuple(layout.states([h])[0].shape)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_traces_are_states_with_time(layout):
    """At each step a trace is that step's state as it goes out."""
    trace = torch.arange(R * T * B * W).view(R, T, B, W)
    trace = trace if layout.batched else trace[:, :, :1]
    out = layout.trace(trace)
    for t in range(T):
        state = layout.states([trace[:, t]])[0]
        if not layout.batched:
            assert torch.equal(out[:, t], state)
        elif layout.state_batch_first:
            assert torch.equal(out[:, :, t], state)
        else:
            assert torch.equal(out[:, :, t] if layout.batch_first else out[:, t], state)
