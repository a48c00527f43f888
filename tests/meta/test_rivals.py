from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.meta import UpdateRule, race
from keepgate.meta.problems import quadratics
from keepgate.meta.rivals import RIVALS, run


@pytest.mark.parametrize("name", RIVALS)
def test_problems_are_optimised_as_each_by_itself(name):
    problem = quadratics(3)
    values = run(RIVALS[name], 0.01, problem, 4, 6, 0)
    theta, (matrix, target) = problem.draw(4, np.random.default_rng([0, 2]))
    for p in range(4):
        one = theta[p].clone().requires_grad_()
        optimizer, found = RIVALS[name]([one], 0.01), []
        for _ in range(7):
            optimizer.zero_grad()
            value = (matrix[p] @ one - target[p]).square().sum()
            value.backward()
            found.append(value.item())
            optimizer.step()
        assert values[:, p] == pytest.approx(found, rel=1e-4)


def test_all_begin_at_the_same_values_and_rivals_get_better():
    options = {"hidden_size": 4, "epochs": 1, "problems": 8, "steps": 6, "window": 3, "progress": False}
    means = race(UpdateRule(**options).fit(quadratics(3)), quadratics(3), count=20, steps=20)
    first = [values[0] for values in means.values()]
    assert first == pytest.approx([first[0]] * 3, rel=1e-6)
    assert [name.split(", rate")[0] for name in means] == ["learned", *RIVALS]
    for values in list(means.values())[1:]:
        assert values[-1] < 0.5 * values[0]
    assert torch.is_grad_enabled()
