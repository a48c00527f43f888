"""Rows of their own lengths: each is what it would be alone, in any order, with none of them empty or all of them."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from keepgate.nn import LSTM
from keepgate.scan import engines

BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("kind", [torch.int32, torch.int64, list], ids=["int32", "int64", "list"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_row_is_what_it_is_alone(backend: str, kind):
    """Forwards and backwards, two bidirectional layers, a learned initial state."""
    options = {"bidirectional": True, "initial_state": "learned", "dtype": torch.float64, "backend": backend}
    layer = LSTM(3, 4, 2, **options)
    x = torch.randn(6, 5, 3, dtype=torch.float64)
    steps = [2, 6, 0, 1, 4]
    lengths = steps if kind is list else torch.tensor(steps, dtype=kind)
    output, (h, c) = layer(x, lengths=lengths)
    parameters = list(layer.parameters())
    got = torch.autograd.grad(output.square().sum() + h.sum() + c.square().sum(), parameters)
    loss = torch.zeros((), dtype=torch.float64)
    for row, length in enumerate(steps):
        alone, (last_h, last_c) = layer(x[:length, row])
        torch.testing.assert_close(output[:length, row], alone)
        torch.testing.assert_close((h[:, row], c[:, row]), (last_h, last_c))
        assert not output[length:, row].any()
        loss = loss + alone.square().sum() + last_h.sum() + last_c.square().sum()
    torch.testing.assert_close(got, torch.autograd.grad(loss, parameters), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize("device", DEVICES)
def test_lengths_are_taken_from_any_device(device: str, where: str):
    layer = LSTM(3, 4, device=device)
    x = torch.randn(6, 3, 3, device=device)
    wanted = layer(x, lengths=[2, 6, 0])
    torch.testing.assert_close(layer(x, lengths=torch.tensor([2, 6, 0], device=where)), wanted)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (0, 0), (4, 0), (4, 3)])
def test_nothing_to_do(backend: str, steps: int, batch: int):
    """No step, no row, or lengths that are all zero: the state stays and gradients pass through it."""
    layer = LSTM(3, 4, 2, backend=backend)
    hx = tuple(torch.randn(2, batch, 4, requires_grad=True) for _ in range(2))
    output, final = layer(torch.randn(steps, batch, 3), hx, lengths=torch.zeros(batch, dtype=torch.long))
    assert output.shape == (steps, batch, 4)
    assert not output.any()
    torch.testing.assert_close(final, hx)
    gradients = torch.autograd.grad(sum(state.sum() for state in final), hx)
    assert all((gradient == 1).all() for gradient in gradients)


@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_runs_on_the_native_engine(batch_first: bool):
    if "native" not in BACKENDS:
        pytest.skip("the native core is not built")
    layer = LSTM(3, 4, 2, batch_first=batch_first, backend="native")
    x, lengths = torch.randn((5, 6, 3) if batch_first else (6, 5, 3)), torch.tensor([2, 6, 3, 1, 4])
    output, final = layer(x, lengths=lengths)
    packed, last = layer(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False))
    torch.testing.assert_close(pad_packed_sequence(packed, batch_first)[0], output)
    torch.testing.assert_close(last, final)
