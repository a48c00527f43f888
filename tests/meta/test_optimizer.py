from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.meta import LearnedOptimizer, UpdateRule
from keepgate.meta.problems import quadratics


@pytest.fixture(scope="module")
def rule():
    options = {"hidden_size": 5, "epochs": 1, "problems": 32, "steps": 10, "window": 5, "progress": False}
    return UpdateRule(**options).fit(quadratics(3))


def test_its_steps_are_those_that_the_rule_was_trained_with(rule):
    problem = quadratics(3)
    theta, data = problem.draw(1, np.random.default_rng([0, 2]))
    parameters = [theta[0, :1].clone().requires_grad_(), theta[0, 1:].clone().reshape(2, 1).requires_grad_()]
    optimizer, values = LearnedOptimizer(parameters, rule), []
    for step in range(13):
        optimizer.zero_grad()
        value = problem.value(torch.cat([one.ravel() for one in parameters])[None], data, step).sum()
        value.backward()
        values.append(value.item())
        optimizer.step()
    assert values == pytest.approx(rule.predict(problem, count=1, steps=12)[:, 0], rel=1e-5)


def test_its_state_is_saved_and_loaded_like_that_of_any_optimiser(rule):
    def after(steps, model, optimizer):
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(2, 3)).square().sum().backward()
            optimizer.step()
        return model.weight.detach().clone()

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = LearnedOptimizer(model.parameters(), rule)
    after(3, model, optimizer)
    other = copy.deepcopy(model)
    again = LearnedOptimizer(other.parameters(), rule)
    again.load_state_dict(optimizer.state_dict())
    assert torch.equal(after(3, model, optimizer), after(3, other, again))


def test_parameters_without_a_gradient_stay_and_a_closure_is_called(rule):
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = LearnedOptimizer([used, unused], rule)

    def closure():
        optimizer.zero_grad()
        loss = used.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert not torch.equal(used.detach(), torch.ones(2))
    assert torch.equal(unused.detach(), torch.ones(2))


def test_a_gradient_that_is_not_finite_is_named(rule):
    parameter = torch.ones(2, 1, requires_grad=True)
    parameter.grad = torch.full((2, 1), torch.nan)
    with pytest.raises(InputError, match=r"the gradient of a parameter of shape \[2, 1\] is not finite"):
        LearnedOptimizer([parameter], rule).step()
    assert torch.equal(parameter.detach(), torch.ones(2, 1))


def test_a_rule_has_to_be_fitted():
    with pytest.raises(InputError, match="this UpdateRule is not fitted yet"):
        LearnedOptimizer([torch.ones(1, requires_grad=True)], UpdateRule())
