from __future__ import annotations

import itertools

import pytest
import torch

from keepgate.objectives.semiring import log_sum, maximum

NEGATIVE = float("-inf")


@pytest.mark.parametrize("scores", [[0.0], [1.0, 2.0, 3.0], [1e4, 1e4 - 1], [-1e4, NEGATIVE], [700.0, -700.0]])
def test_sums_are_torchs_logsumexp(scores):
    given = torch.tensor([scores], dtype=torch.float64, requires_grad=True)
    other = given.detach().clone().requires_grad_()
    found, wanted = log_sum(given), torch.logsumexp(other, -1)
    torch.testing.assert_close(found, wanted)
    found.sum().backward()
    wanted.sum().backward()
    torch.testing.assert_close(given.grad, other.grad)
    assert float(maximum(given.detach())) == max(scores)


def test_of_impossible_scores_the_sum_is_impossible_and_its_derivative_0():
    """Where torch's own has NaN."""
    given = torch.full((2, 3), NEGATIVE, requires_grad=True)
    found = log_sum(given)
    assert found.tolist() == [NEGATIVE, NEGATIVE]
    found.sum().backward()
    assert not given.grad.any()


def test_each_is_a_semiring():
    """Adding commutes, and a score is added to a sum as to each of its terms."""
    scores = torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64)
    for add in (log_sum, maximum):
        for order in itertools.permutations(range(3)):
            torch.testing.assert_close(add(scores[list(order)]), add(scores))
        torch.testing.assert_close(add(scores + 3.0), add(scores) + 3.0)
        torch.testing.assert_close(add(torch.stack([add(scores[:2]), scores[2]])), add(scores))
