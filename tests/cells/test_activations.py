"""Squashing functions against torch's own, in the LSTM that torch writes by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from keepgate import cells
from keepgate.cells.activations import FUNCTIONS
from keepgate.errors import InputError
from keepgate.nn import LSTM
from keepgate.scan import engines

TORCH = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softplus": functional.softplus,
    "identity": lambda x: x,
    "softsign": functional.softsign,
    "elu": functional.elu,
    "silu": functional.silu,
    "hard_tanh": functional.hardtanh,
    "hard_sigmoid": functional.hardsigmoid,
}
BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]


def test_every_function_is_torchs():
    assert set(TORCH) == set(FUNCTIONS)


@pytest.mark.parametrize("function", TORCH)
@pytest.mark.parametrize("backend", BACKENDS)
def test_activation(backend: str, function: str):
    torch.manual_seed(0)
    spec = f"activation(lstm, {function!r}, 'hard_sigmoid')"
    layer = LSTM(4, 5, dtype=torch.float64, cell=spec, backend=backend)
    x = torch.randn(4, 3, 4, dtype=torch.float64, requires_grad=True)
    h = c = torch.zeros(3, 5, dtype=torch.float64)
    outputs = []
    for step in x:
        net = functional.linear(step, layer.weight_ih_l0, layer.bias_ih_l0)
        i, f, g, o = (net + functional.linear(h, layer.weight_hh_l0, layer.bias_hh_l0)).chunk(4, -1)
        c = functional.hardsigmoid(f) * c + functional.hardsigmoid(i) * TORCH[function](g)
        h = functional.hardsigmoid(o) * TORCH[function](c)
        outputs.append(h)
    wanted, got = torch.stack(outputs), layer(x)[0]
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)
    leaves = [x, *layer.parameters()]
    gradients = [torch.autograd.grad(value.square().sum(), leaves) for value in (got, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)  # torch rounds the slope of hardsigmoid to float32


def test_an_unknown_function_lists_what_there_is():
    with pytest.raises(InputError, match=r"^activation: a function is one of tanh, .*; got 'swish'$"):
        cells.get("activation(lstm, 'swish')")
