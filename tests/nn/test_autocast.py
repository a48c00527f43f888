"""Under autocast a layer gives what torch.nn.LSTM does: autocast's dtype. In bfloat16 the native engine multiplies
bfloat16 numbers, which tests/native/test_pairs.py derives to the bit; all else has the numbers of the weights' dtype.

torch.nn.GRU, RNN and their cells give now one dtype, now another, by the operations that they happen to be made of.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from keepgate.nn import GRU, LSTM, RNN, GRUCell, LSTMCell, Recurrent, RNNCell

PAIRS = [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU), (RNN, torch.nn.RNN)]
CELLS = [(LSTMCell, torch.nn.LSTMCell), (GRUCell, torch.nn.GRUCell), (RNNCell, torch.nn.RNNCell)]


def pair(kinds, *sizes, **options):
    ours, theirs = (kind(*sizes, **options) for kind in kinds)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def tensors(result):
    """Return all tensors of a result."""
    if isinstance(result, torch.Tensor):
        return [result]
    return [tensor for part in result if part is not None for tensor in tensors(part)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kinds", PAIRS)
def test_outputs_are_torchs(kinds, dtype):
    ours, theirs = pair(kinds, 4, 6, num_layers=2, bidirectional=True)
    x = torch.randn(5, 3, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result, wanted = ours(x), theirs(x)
    for value, other in zip(*map(tensors, (result, wanted)), strict=True):
        assert value.dtype == torch.bfloat16
        assert other.dtype == torch.bfloat16 or kinds[1] is not torch.nn.LSTM
        torch.testing.assert_close(value.float(), other.float(), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(("backend", "dtype"), [("reference", torch.bfloat16), ("native", torch.float16)])
def test_what_does_not_multiply_bfloat16_has_float32s_numbers(backend, dtype):
    layer, x = LSTM(4, 6, num_layers=2, backend=backend), torch.randn(5, 3, 4)
    wanted, _ = layer(x)
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(layer(x)[0], wanted.to(dtype))


def test_it_is_chosen_at_every_call():
    """Inside and outside autocast, with a gradient and without, in turn."""
    layer, x = LSTM(4, 6), torch.randn(5, 3, 4)
    exact = layer(x)[0]
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = layer(x)[0]
            with torch.no_grad():
                assert torch.equal(layer(x)[0], rounded)
                assert torch.equal(layer(x, lengths=torch.tensor([5, 5, 5]))[0], rounded)
                assert torch.equal(layer(x, return_states=True)[2].h[0], rounded)
        assert not torch.equal(rounded, exact.bfloat16())
        with torch.no_grad():
            assert torch.equal(layer(x)[0], exact)
        assert torch.equal(layer(x)[0], exact)


def test_a_frozen_layer_keeps_its_storage():
    layer, x = LSTM(4, 6), torch.randn(5, 3, 4)
    for storage in ("full", "bfloat16", "int8"):
        frozen = layer.frozen(storage)
        wanted = frozen(x)[0].bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(frozen(x)[0], wanted)


def test_a_layer_learns_as_in_float32():
    """Which of 4 symbols came 6 steps ago: both come to know it, in as many steps."""
    symbols = torch.randint(4, (24, 32), generator=torch.Generator().manual_seed(0))
    x, wanted = torch.nn.functional.one_hot(symbols, 4).float(), symbols[:-6].flatten()
    losses = {}
    for autocast in (False, True):
        torch.manual_seed(0)
        layer, linear = LSTM(4, 32), torch.nn.Linear(32, 4)
        parameters = [*layer.parameters(), *linear.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=0.02)
        for _ in range(250):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                scores = linear(layer(x)[0][6:]).flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(scores.float(), wanted)
            loss.backward()
            optimizer.step()
        losses[autocast] = float(loss.detach())
        assert (scores.argmax(1) == wanted).float().mean() > 0.99
    assert losses[True] < 2 * losses[False] + 0.01


def test_gradients_reach_weights_and_input_in_their_own_dtypes():
    layer, x = LSTM(4, 6), torch.randn(5, 3, 4, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
        loss = output.float().square().mean()
    loss.backward()
    own = x.detach().float().requires_grad_()
    exact = torch.autograd.grad(layer(own)[0].square().mean(), (own, *layer.parameters()))
    assert x.grad.dtype == torch.bfloat16
    assert all(parameter.grad.dtype == torch.float32 for parameter in layer.parameters())
    for value, wanted in zip((x.grad, *(parameter.grad for parameter in layer.parameters())), exact, strict=True):
        assert (value.float() - wanted).norm() < 0.02 * wanted.norm()


def test_states_lengths_packed_sequences_and_step_inputs():
    layer = Recurrent("time_aware_lstm", 4, 6, backend="reference")
    x, elapsed = torch.randn(5, 3, 4).bfloat16(), torch.rand(5, 3, 1).bfloat16()
    state = tuple(torch.randn(1, 3, 6).bfloat16() for _ in range(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x, state, torch.tensor([5, 2, 0]), step_inputs={"elapsed": elapsed})
        packed, (h, _) = LSTM(4, 6)(pack_padded_sequence(x, torch.tensor([5, 4, 1])))
    assert {output.dtype, packed.data.dtype, h.dtype} == {torch.bfloat16}
    state, given = tuple(value.float() for value in state), {"elapsed": elapsed.float()}
    wanted, _ = layer(x.float(), state, torch.tensor([5, 2, 0]), step_inputs=given)
    assert torch.equal(output, wanted.bfloat16())


def test_traces_are_cast_too():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, _, states, gates = LSTM(4, 6)(torch.randn(5, 3, 4), return_states=True, return_gates=["f"])
    assert states.c.dtype == gates["f"].dtype == torch.bfloat16


def test_double_stays_double():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert LSTM(4, 6).double()(torch.randn(5, 3, 4).double())[0].dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kinds", CELLS)
def test_cells(kinds, dtype):
    ours, theirs = pair(kinds, 4, 6)
    x = torch.randn(3, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result, wanted = ours(x), theirs(x)
    for value, other in zip(*map(tensors, (result, wanted)), strict=True):
        assert value.dtype == dtype
        torch.testing.assert_close(value.float(), other.float(), rtol=0.05, atol=0.02)


def test_a_compiled_layer_under_autocast():
    layer, x = LSTM(4, 6), torch.randn(5, 3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(compiled(x)[0], layer(x)[0])
