from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate.equations import noise
from keepgate.native import engine as core
from keepgate.nn.dropout import drop_weights, recurrent_weights


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["weight_hh"]),
        ("gru", ["weight_hh"]),
        ("peephole_lstm_full", ["weight_ch"]),
        ("time_aware_lstm", ["weight_hh", "weight_ch"]),
        ("projected(lstm, 2)", ["weight_hh"]),
    ],
)
def test_what_multiplies_a_state_is_dropped(cell, names):
    assert sorted(recurrent_weights(cells.get(cell).equations)) == sorted(names)


PARAMETERS = {"weight_hh": torch.ones(40, 30), "weight_ih": torch.ones(4, 3)}


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5])
def test_the_mean_is_kept_and_others_are_left(rate):
    found = drop_weights(PARAMETERS, ["weight_hh"], rate, 3)
    assert found["weight_ih"] is PARAMETERS["weight_ih"]
    values = found["weight_hh"].unique().tolist()
    assert values == pytest.approx([1 / (1 - rate)] if rate == 0 else [0.0, 1 / (1 - rate)])
    assert float((found["weight_hh"] == 0).float().mean()) == pytest.approx(rate, abs=0.05)
    assert PARAMETERS["weight_hh"].all()


def test_bits_are_those_of_the_counter():
    """By `noise.bernoulli` in NumPy, with stream -1 of the seed."""
    found = drop_weights(PARAMETERS, ["weight_hh"], 0.25, 3)["weight_hh"]
    mask = noise.bernoulli(noise.stream_key(3, -1), 0, 40, 30, 0.75)
    np.testing.assert_allclose(found.numpy(), mask / 0.75, rtol=1e-6)


def test_torch_draws_the_same_bits_as_the_core(monkeypatch):
    if core.missing():
        pytest.skip(f"the core does not run here: {core.missing()}")
    wanted = drop_weights(PARAMETERS, ["weight_hh"], 0.25, 11)["weight_hh"]
    monkeypatch.setattr(core, "missing", lambda: "not today")
    assert torch.equal(drop_weights(PARAMETERS, ["weight_hh"], 0.25, 11)["weight_hh"], wanted)


def test_gradients_flow_to_what_is_kept():
    weight = torch.ones(6, 5, requires_grad=True)
    found = drop_weights({"w": weight}, ["w"], 0.5, 1)["w"]
    found.sum().backward()
    assert torch.equal(weight.grad, found.detach())


def test_each_weight_and_each_seed_has_bits_of_its_own():
    both = {"a": torch.ones(9, 9), "b": torch.ones(9, 9)}
    one, other = (drop_weights(both, ["a", "b"], 0.5, seed) for seed in (1, 2))
    assert not torch.equal(one["a"], one["b"])
    assert not torch.equal(one["a"], other["a"])
