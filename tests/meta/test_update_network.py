from __future__ import annotations

import math

import pytest
import torch

from keepgate.meta.update_network import logarithmic


@pytest.mark.parametrize("gradient", [1.0, -3.0, 1e-3, -math.exp(-10.0), 1e-5, -1e-6, 0.0, 1e30])
def test_gradients_are_read_as_in_the_papers_appendix(gradient):
    if abs(gradient) >= math.exp(-10):
        wanted = (math.log(abs(gradient)) / 10, math.copysign(1, gradient))
    else:
        wanted = (-1.0, math.exp(10) * gradient)
    assert logarithmic(torch.tensor(gradient, dtype=torch.float64)).tolist() == pytest.approx(wanted, abs=1e-9)
