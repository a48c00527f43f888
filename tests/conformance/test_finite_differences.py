"""The reference against finite differences: every input and parameter of every cell, from outputs and final states."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conformance.cells import CELLS
from keepgate.testing.checks import function_of_leaves
from keepgate.testing.problems import Setting, problem

SETTING = Setting(steps=3, batch=2, inputs=2, hidden=2, lengths=(3, 2))


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_is_the_difference_quotient(cell: str):
    function, leaves = function_of_leaves(problem(f"{cell}, differences", CELLS[cell].equations, SETTING))
    assert torch.autograd.gradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("cell", ["zoneout(lstm, 0.25)", "zoneout(gru, {'h': 0.5})", "everything"])
def test_gradient_in_training_is_the_difference_quotient(cell: str):
    setting = replace(SETTING, seed=11)
    function, leaves = function_of_leaves(problem(f"{cell}, training", CELLS[cell].equations, setting))
    assert torch.autograd.gradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch itself, at the first forward mode
@pytest.mark.parametrize("cell", ["lstm", "gru", "time_aware_lstm", "layer_norm(lstm)", "everything"])
def test_reference_has_forward_mode_batched_and_second_derivatives(cell: str):
    setting = replace(SETTING, steps=2, batch=1, hidden=4, lengths=None)
    function, leaves = function_of_leaves(problem(f"{cell}, second", CELLS[cell].equations, setting))
    options = {"eps": 1e-5, "atol": 1e-6, "rtol": 1e-6}
    assert torch.autograd.gradcheck(function, leaves, check_forward_ad=True, check_batched_grad=True, **options)
    assert torch.autograd.gradgradcheck(function, leaves, eps=1e-5, atol=1e-5, rtol=1e-5, fast_mode=True)
