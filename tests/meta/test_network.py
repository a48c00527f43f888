from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells, networks
from keepgate.meta.network import MetaLearnerNetwork, meta_learner


def network(inputs, outputs, classes):
    recurrent = networks.Recurrent(cells.get("lstm").equations, inputs + outputs, 4)
    return MetaLearnerNetwork(meta_learner(recurrent, inputs, outputs, classes=classes))


def test_a_step_sees_the_targets_before_it_and_not_its_own():
    made = network(2, 1, False)
    x, y = torch.rand(3, 6, 2).double(), torch.rand(3, 6, 1).double()
    said = made(x, y)
    y[:, 3] += 10
    other = made(x, y)
    assert torch.equal(said[:, :4], other[:, :4])
    assert not torch.equal(said[:, 4], other[:, 4])


def test_the_loss_is_the_squared_error_in_deviations():
    made = network(2, 2, False)
    random = np.random.default_rng(0)
    x, y = random.normal(3, 2, (40, 5, 2)), random.normal(-1, 7, (40, 5, 2))
    made.scale(x.reshape(-1, 2), y.reshape(-1, 2))
    given = torch.from_numpy(x), torch.from_numpy(y)
    errors = (made(*given).detach().numpy() - y) / y.reshape(-1, 2).std(0)
    assert made.loss(given).item() == pytest.approx(np.square(errors).mean(), rel=1e-5)


def test_of_classes_the_loss_is_the_cross_entropy_and_the_first_target_is_none():
    made = network(2, 3, True)
    x, y = torch.rand(4, 5, 2).double(), torch.randint(0, 3, (4, 5))
    said = made(x, y)
    wanted = -said.log().gather(2, y[..., None]).mean()
    assert made.loss((x, y)).item() == pytest.approx(wanted.item(), rel=1e-5)
    before = made.before(made.as_targets(y))
    assert not before[:, 0].any()
    assert torch.equal(before[:, 1:].argmax(2), y[:, :-1])
