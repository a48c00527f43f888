from __future__ import annotations

import pytest
import torch

from keepgate import cells
from keepgate.testing.problems import Setting, problem

LSTM = cells.get("projected(lstm, 2)").equations


def tensors(tried):
    a = tried.arguments
    return [a.x, *a.state.values(), *a.step_inputs.values(), *tried.parameters.values(), tried.d_output]


def test_shapes_are_those_of_the_equations():
    tried = problem("shapes", LSTM, Setting(steps=4, batch=3, inputs=7, hidden=5))
    assert tried.arguments.x.shape == (4, 3, 7)
    assert {name: tuple(value.shape) for name, value in tried.arguments.state.items()} == {"h": (3, 2), "c": (3, 5)}
    assert tried.parameters["weight_ih"].shape == (20, 7)
    assert tried.parameters["weight_hh"].shape == (20, 2)
    assert (tried.output, tuple(tried.d_output.shape)) == ("h", (4, 3, 2))


def test_the_same_name_gives_the_same_numbers_and_another_does_not():
    one, again, other = (problem(name, LSTM, Setting()) for name in ("a", "a", "b"))
    assert all(map(torch.equal, tensors(one), tensors(again)))
    assert not torch.equal(one.arguments.x, other.arguments.x)


def test_what_is_out_of_the_ordinary():
    strided = problem("strided", LSTM, Setting(strided=True))
    assert not any(value.is_contiguous() for value in tensors(strided))
    assert all(map(torch.equal, tensors(strided), tensors(problem("strided", LSTM, Setting()))))
    saturated = problem("saturated", LSTM, Setting(saturated=True))
    assert set(saturated.parameters["bias_ih"].tolist()) == {60.0, -60.0}
    assert not [name for name in problem("bare", LSTM, Setting(bias=False)).parameters if "bias" in name]
    single = problem("single", LSTM, Setting(dtype=torch.float32))
    assert {value.dtype for value in tensors(single)} == {torch.float32}
    assert 0 < int(problem("resets", LSTM, Setting(steps=50, resets=True)).arguments.reset.sum()) < 150


@pytest.mark.parametrize("lengths", [(4, 0, 5), (0, 0, 0)])
def test_padding_lies_past_the_lengths_alone(lengths):
    equations = cells.get("time_aware_lstm").equations
    tried = problem("padding", equations, Setting(lengths=lengths, padding=torch.nan))
    for value in (tried.arguments.x, *tried.arguments.step_inputs.values()):
        inside = torch.arange(5)[:, None] < torch.tensor(lengths)
        assert torch.equal(value.isnan().all(-1), ~inside)
        assert torch.equal(value.isnan().any(-1), ~inside)


def test_a_problem_moves_whole():
    tried = problem("moved", LSTM, Setting(lengths=(1, 2, 3), resets=True)).to("meta")
    moved = [*tensors(tried), tried.arguments.lengths, tried.arguments.reset, *tried.d_final.values()]
    assert {value.device.type for value in moved} == {"meta"}
