"""The forecaster's network and its loss, against torch and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_squared_error
from torch.nn import functional as F

from keepgate import cells
from keepgate.networks import Recurrent
from keepgate.tasks.forecast.network import ForecastNetwork, forecaster


def network(**changes) -> ForecastNetwork:
    options = {"window": 7, "patch": 3, "channels": 2, "horizon": 4, "quantiles": (0.2, 0.9), "dropout": 0.0}
    torch.manual_seed(0)
    layers = Recurrent(cells.get("lstm").equations, 5, 5, bidirectional=changes.pop("bidirectional", False))
    options |= changes
    quantiles = options.pop("quantiles")
    return ForecastNetwork(forecaster(layers, quantiles=len(quantiles), **options), quantiles=quantiles)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_network_against_torch_lstm(bidirectional: bool) -> None:
    """The same by hand: 7 rows are a first row for the linear map only and two patches of three."""
    ours = network(bidirectional=bidirectional).double()
    lstm = torch.nn.LSTM(5, 5, batch_first=True, bidirectional=bidirectional).double()
    lstm.load_state_dict(ours.recurrent.state_dict())
    z = torch.randn(6, 7, 2, dtype=torch.float64)
    patches = torch.stack([z[:, 1:4].flatten(1), z[:, 4:7].flatten(1)], dim=1)
    _, (h, _) = lstm(ours.embed(patches))
    straight = z[:, :, 0] @ ours.linear.weight.T + ours.linear.bias
    expected = ours.head(torch.cat(list(h), dim=1)).reshape(6, 4, 3) + straight[:, :, None]
    torch.testing.assert_close(ours(z), expected, rtol=1e-12, atol=1e-12)


def test_loss_against_scikit_learn() -> None:
    ours = network().eval()
    z, weight, target = torch.randn(6, 7, 2), torch.rand(6, 1), torch.randn(6, 4)
    with torch.no_grad():
        loss = ours.loss((z, weight, target)).item()
        scaled = (ours(z) * weight[:, :, None]).double().numpy()
    truth = target.numpy().ravel()
    expected = mean_squared_error(truth, scaled[:, :, 0].ravel())
    expected += np.mean([mean_pinball_loss(truth, scaled[:, :, k].ravel(), alpha=q) for k, q in ((1, 0.2), (2, 0.9))])
    assert loss == pytest.approx(expected, rel=1e-5)
    bare = network(quantiles=()).eval()
    assert bare.loss((z, weight, target)).item() == pytest.approx(F.mse_loss(bare(z)[:, :, 0] * weight, target).item())


def test_dropout_is_for_training_only() -> None:
    ours, z = network(dropout=0.5), torch.randn(3, 7, 2)
    assert not torch.equal(ours.train()(z), ours(z))
    assert torch.equal(ours.eval()(z), ours(z))
