"""The loss of the regressor, computed a second time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_squared_error

from keepgate import cells
from keepgate.networks import Recurrent
from keepgate.tasks.regress.network import RegressorNetwork, regressor


@pytest.mark.parametrize("pools", [(), (1, 1, 1)])
def test_the_loss_is_in_units_of_the_deviation(pools):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    layers = Recurrent(cells.get("lstm").equations, 6 if pools else 2, 4)
    description = regressor(layers, 2, 6, pools=pools, noise=0.0, dropout=0.0)
    network = RegressorNetwork(description, quantiles=(0.2, 0.9)).eval()
    y = rng.normal(size=(7, 2)) * [5, 100] + [1, 1e4]
    network.fit_targets(y)
    x, lengths = torch.from_numpy(rng.normal(size=(7, 5, 2))), torch.tensor([5, 1, 2, 3, 5, 4, 5])
    with torch.no_grad():
        loss = float(network.loss((x, lengths, torch.from_numpy(y))))
        mean, low, high = ((network(x, lengths).numpy() - y.mean(0)) / y.std(0)).swapaxes(0, 1)
    z = (y - y.mean(0)) / y.std(0)
    pinball = [mean_pinball_loss(z, found, alpha=q) for q, found in ((0.2, low), (0.9, high))]
    assert loss == pytest.approx(mean_squared_error(z, mean) + np.mean(pinball), rel=1e-5)


def test_while_training_each_reader_has_its_own_loss():
    torch.manual_seed(0)
    layers = Recurrent(cells.get("lstm").equations, 6, 4)
    network = RegressorNetwork(regressor(layers, 2, 1, pools=(1, 1, 1), noise=0.0, dropout=0.0), quantiles=())
    x, lengths, y = torch.randn(9, 5, 2).double(), torch.full((9,), 5), torch.randn(9, 1).double()
    network.train()
    readers = network.run({"x": x, "lengths": lengths}, "output", "front_output")
    wanted = np.mean([mean_squared_error(y.numpy(), found.detach().numpy()) for found in readers])
    assert network.loss((x, lengths, y)).item() == pytest.approx(wanted, rel=1e-5)
