"""Long sequences and many rows: beyond 65,536 steps, and steps times rows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from keepgate.nn import LSTM
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native core is not built")


@pytest.mark.parametrize("shape", [(70_000, 2), (300, 300)], ids=["steps", "steps times rows"])
def test_as_torch_beyond_65536(shape: tuple[int, int]):
    wanted = nn.LSTM(1, 4)
    got = LSTM(1, 4, backend="native")
    got.load_state_dict(wanted.state_dict())
    x = torch.randn(*shape, 1)
    results = []
    for module in (got, wanted):
        output, (h, c) = module(x)
        results.append((output, h, c, *torch.autograd.grad(output.square().mean(), list(module.parameters()))))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, True], ids=["", "recompute"])
def test_a_hundred_thousand_steps_train(recompute: bool):
    """A mean that moves slowly, learnt from a gradient over the whole sequence at once."""
    torch.manual_seed(0)
    layer, head = LSTM(1, 8, forget_bias=1.0, recompute=recompute), nn.Linear(8, 1)
    x = torch.randn(100_000, 1, 1)
    target = torch.nn.functional.avg_pool1d(x.mT.permute(1, 2, 0), 5, 1, 2).permute(2, 0, 1)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.03)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = (head(layer(x)[0]) - target).square().mean()
        loss.backward()
        assert all(parameter.grad.isfinite().all() for parameter in parameters)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
