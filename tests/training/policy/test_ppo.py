"""The clipped loss, by its four cases."""

import math

import pytest
import torch

from keepgate.training.policy.ppo import loss


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.5, 2.0, -1.2 * 2, 0.0),  # beyond the bound, in the direction that is rewarded
        (1.5, -2.0, 1.5 * 2, 1.5 * 2),
        (0.5, 2.0, -0.5 * 2, -0.5 * 2),
        (0.5, -2.0, 0.8 * 2, 0.0),
        (1.1, 2.0, -1.1 * 2, -1.1 * 2),
    ],
)
def test_a_ratio_counts_up_to_its_bound(ratio, advantage, value, slope):
    log = torch.tensor([math.log(ratio) - 1.0], requires_grad=True)
    found = loss(log, torch.tensor([-1.0]), torch.tensor([advantage]), 0.2)
    found.backward()
    assert float(found.detach()) == pytest.approx(value, rel=1e-5)
    assert float(log.grad) == pytest.approx(slope, rel=1e-5)
