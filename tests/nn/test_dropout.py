"""Dropout of values and of recurrent weights: shares, gradients, seeds, layouts, and where torch's own has to do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from keepgate import cells
from keepgate.equations import noise
from keepgate.native import engine as core
from keepgate.nn.dropout import drop_weights, dropout, recurrent_weights


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


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_share_is_zero_and_the_rest_is_scaled(rate, dtype):
    torch.manual_seed(0)
    x = torch.randn(50, 20, 64, dtype=dtype)
    y = dropout(x, rate, True)
    kept = y != 0
    assert y.dtype == dtype
    assert float((~kept).double().mean()) == pytest.approx(rate, abs=4 * (rate * (1 - rate) / x.numel()) ** 0.5)
    torch.testing.assert_close(y[kept], (x / (1 - rate))[kept], rtol=2e-2 if dtype == torch.bfloat16 else 1e-6, atol=0)
    counts = kept.double().mean(dim=(0, 1)), kept.double().mean(dim=(0, 2)), kept.double().mean(dim=(1, 2))
    for shares in counts:  # no channel, row or step is dropped more than others
        n = x.numel() / len(shares)
        assert float((shares - (1 - rate)).abs().max()) < 5 * (rate * (1 - rate) / n) ** 0.5


def test_calls_differ_and_seeds_repeat():
    x = torch.ones(7, 5)
    torch.manual_seed(3)
    first, second = dropout(x, 0.5, True), dropout(x, 0.5, True)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, 0.5, True), first)
    assert not torch.equal(first, second)


def test_the_gradient_has_the_same_mask():
    x = torch.randn(6, 4, 8, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(1)
    y = dropout(x, 0.4, True)
    (grad,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(grad * x, y)

    def repeated(x):
        torch.manual_seed(1)
        return dropout(x, 0.4, True)

    assert torch.autograd.gradcheck(repeated, x)
    assert torch.autograd.gradgradcheck(repeated, x)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2)])
def test_what_it_returns_lies_in_memory_as_what_it_got(axes):
    x = torch.ones(3, 5, 8).permute(axes)
    y = dropout(x, 0.5, True)
    assert y.shape == x.shape
    assert y.stride() == x.stride()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (), (4,), (2, 3, 4, 5)])
def test_any_shape(shape):
    y = dropout(torch.ones(shape), 0.5, True)
    assert y.shape == shape
    assert set(y.flatten().tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize(("rate", "training", "left"), [(0.0, True, 1.0), (0.5, False, 1.0), (1.0, True, 0.0)])
def test_nothing_or_everything_is_dropped(rate, training, left):
    assert torch.equal(dropout(torch.ones(3, 4), rate, training), torch.full((3, 4), left))


def test_transforms_and_graphs_take_torchs():
    x = torch.ones(3, 4, 8)
    drawn = torch.func.vmap(lambda x: dropout(x, 0.5, True), randomness="different")(x)
    assert set(drawn.flatten().tolist()) == {0.0, 2.0}
    assert not torch.equal(drawn[0], drawn[1])

    def half(x):
        return dropout(x, 0.5, True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's, of its own tracing
        traced = torch.jit.trace(half, (x,), check_trace=False)
    assert not torch.equal(traced(x), traced(x))
    torch.manual_seed(0)
    expected = F.dropout(x, 0.5)
    torch.manual_seed(0)
    assert torch.equal(traced(x), expected)
