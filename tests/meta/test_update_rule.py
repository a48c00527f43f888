from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from keepgate.errors import InputError
from keepgate.meta import Problem, UpdateRule
from keepgate.meta.problems import quadratics
from keepgate.meta.update_rule import unrolled

SMALL = {"hidden_size": 6, "epochs": 2, "problems": 32, "batch_size": 8, "steps": 10, "window": 5, "progress": False}


@pytest.fixture(scope="module")
def rule():
    return UpdateRule(**SMALL).fit(quadratics(3))


def test_the_gradient_of_a_window_is_that_of_back_propagation_step_by_step(rule):
    """The same optimisation as one graph of torch, in which the gradients that are read have no history."""
    network, problem = rule.network_, quadratics(3)
    start, data = problem.draw(4, np.random.default_rng(0))
    loss, (theta, state) = unrolled(network, problem, (start, data, range(5)), None)
    found = torch.autograd.grad(loss, list(network.parameters()))
    at, memory, values = start, None, []
    for step in range(5):
        _, gradient = problem.gradient(at, data, step)
        update, memory = network.updates(gradient.reshape(1, -1), memory)
        at = at + update.reshape(at.shape)
        values.append(problem.value(at, data, step + 1))
    whole = torch.stack(values).mean()
    assert loss.item() == pytest.approx(whole.item(), rel=1e-6)
    for a, b in zip(found, torch.autograd.grad(whole, list(network.parameters())), strict=True):
        assert a.numpy() == pytest.approx(b.numpy(), rel=1e-3, abs=1e-4)
    assert torch.equal(theta, at.detach())
    assert all(torch.equal(a, b.detach()) for a, b in zip(state, memory, strict=True))


def test_windows_go_on_where_the_one_before_ended(rule):
    problem = quadratics(3)
    start, data = problem.draw(4, np.random.default_rng(0))
    with torch.no_grad():
        whole, ended = unrolled(rule.network_, problem, (start, data, range(10)), None)
        first, carried = unrolled(rule.network_, problem, (start, data, range(5)), None)
        second, last = unrolled(rule.network_, problem, (start, data, range(5, 10)), carried)
    assert whole.item() == pytest.approx((first.item() + second.item()) / 2, rel=1e-6)
    assert torch.equal(ended[0], last[0])


def test_saved_and_loaded_it_goes_the_same_way(rule, tmp_path):
    rule.save(tmp_path)
    again = UpdateRule.load(tmp_path)
    assert np.array_equal(again.predict(quadratics(3), count=5), rule.predict(quadratics(3), count=5))


def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    class Stop(Exception):
        pass

    def stop(row, _):
        raise Stop

    whole = UpdateRule(**SMALL).fit(quadratics(3))
    with pytest.raises(Stop):
        UpdateRule(**SMALL).fit(quadratics(3), run=tmp_path, callbacks=[stop])
    resumed = UpdateRule(**SMALL).fit(quadratics(3), run=tmp_path)
    for name, value in whole.network_.state_dict().items():
        assert torch.equal(value, resumed.network_.state_dict()[name])


def test_values_that_are_not_finite_are_named():
    def value(theta, data, step):
        return theta.sum(1) / 0.0

    problem = Problem("broken", lambda count, random: (torch.ones(count, 2), ()), value)
    with pytest.raises(InputError, match=re.escape("is not finite")):
        UpdateRule(**SMALL).fit(problem)


@pytest.mark.slow
def test_quadratics_are_made_small_faster_than_by_the_rule_untrained():
    rule = UpdateRule(epochs=4, progress=False).fit(quadratics(5))
    values = rule.predict(quadratics(5)).mean(1)
    assert values[50] < 0.05 * values[0]
