from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.meta import Problem
from keepgate.meta.problems import classification, quadratics


def test_a_quadratic_and_its_gradient_are_those_of_the_formula():
    problem = quadratics(4)
    theta, (matrix, target) = problem.draw(5, np.random.default_rng(0))
    values, gradient = problem.gradient(theta, (matrix, target), 0)
    for p in range(5):
        w, y, at = matrix[p].numpy(), target[p].numpy(), theta[p].numpy()
        assert float(values[p]) == pytest.approx(np.square(w @ at - y).sum(), rel=1e-5)
        assert gradient[p].numpy() == pytest.approx(2 * w.T @ (w @ at - y), rel=1e-4, abs=1e-4)


def test_the_loss_of_a_network_is_that_of_the_same_torch_module():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(30, 6)), random.integers(0, 3, 30)
    problem = classification(X, y, hidden=4, batch=7, steps=5)
    theta, data = problem.draw(2, random)
    values, gradient = problem.gradient(theta, data, 8)  # the minibatch of step 3 again
    for p in range(2):
        module = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 3))
        first, bias, second, last = theta[p].split([24, 4, 12, 3])
        rows = data[0][p, 3].numpy()
        for parameter, value in zip(
            module.parameters(), (first.reshape(6, 4).T, bias, second.reshape(4, 3).T, last), strict=True
        ):
            parameter.data = value.clone()
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(X[rows]).float()), torch.tensor(y[rows]))
        loss.backward()
        assert float(values[p]) == pytest.approx(loss.item(), rel=1e-5)
        grads = [parameter.grad for parameter in module.parameters()]
        flat = torch.cat([grads[0].T.ravel(), grads[1], grads[2].T.ravel(), grads[3]])
        assert gradient[p].numpy() == pytest.approx(flat.numpy(), abs=1e-6)


def test_values_of_another_shape_are_named():
    problem = Problem("mine", lambda count, random: (torch.ones(count, 2), ()), lambda theta, data, step: theta)
    with pytest.raises(InputError, match=re.escape("problem mine: the values have the shape [3, 2], expected [3]")):
        problem.gradient(*problem.draw(3, np.random.default_rng(0)), 0)
