"""One step of a cell beside `torch.nn`'s cells and beside whole sequences."""

from __future__ import annotations

import pytest
import torch

from keepgate.errors import InputError, KeepgateError
from keepgate.nn import GRUCell, LSTMCell, Recurrent, RecurrentCell, RNNCell

PAIRS = {
    "lstm": (LSTMCell, torch.nn.LSTMCell, {}),
    "gru": (GRUCell, torch.nn.GRUCell, {}),
    "tanh": (RNNCell, torch.nn.RNNCell, {}),
    "relu": (RNNCell, torch.nn.RNNCell, {"nonlinearity": "relu"}),
}


def made(pair, **options):
    """Return our cell and torch's, of the same seed."""
    ours, theirs, own = PAIRS[pair]
    cells = []
    for kind in (ours, theirs):
        torch.manual_seed(3)
        cells.append(kind(4, 6, **own, **options))
    return cells


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_same_weights_states_and_gradients_as_torch(pair, bias):
    ours, theirs = made(pair, bias=bias, dtype=torch.float64)
    assert {name: value.tolist() for name, value in ours.state_dict().items()} == {
        name: value.tolist() for name, value in theirs.state_dict().items()
    }
    xs = torch.randn(5, 3, 4, dtype=torch.float64)
    results = []
    for cell in (ours, theirs):
        x, state = xs.clone().requires_grad_(), None
        for step in x:
            state = cell(step, state)
        h = state[0] if isinstance(state, tuple) else state
        gradients = torch.autograd.grad(h.square().sum(), [x, *cell.parameters()], create_graph=True)
        again = torch.autograd.grad(sum(g.square().sum() for g in gradients), [*cell.parameters()])
        results.append([h, *gradients, *again])
    for value, wanted in zip(*results, strict=True):
        torch.testing.assert_close(value, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("pair", PAIRS)
def test_without_a_batch(pair):
    ours, theirs = made(pair)
    x = torch.randn(4)
    state, wanted = ours(x, ours(x)), theirs(x, theirs(x))
    for value, other in zip(*((s,) if isinstance(s, torch.Tensor) else s for s in (state, wanted)), strict=True):
        assert value.shape == (6,)
        torch.testing.assert_close(value, other)


@pytest.mark.parametrize("name", ["peephole_lstm", "multiplicative_lstm", "time_aware_lstm", "layer_norm(gru)"])
def test_steps_are_those_of_the_layer(name):
    torch.manual_seed(0)
    layer = Recurrent(name, 4, 6)
    cell = RecurrentCell(name, 4, 6)
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    x = torch.randn(7, 3, 4)
    elapsed = {key: torch.rand(7, 3, 1) for key in layer.equations.step_inputs}
    output, _ = layer(x, **({"step_inputs": elapsed} if elapsed else {}))
    state = None
    for t, step in enumerate(x):
        state = cell(step, state, {key: value[t] for key, value in elapsed.items()})
        h = state[0] if isinstance(state, tuple) else state
        torch.testing.assert_close(h, output[t])


def test_under_compile_and_vmap():
    cell, x = LSTMCell(4, 6), torch.randn(3, 4)
    wanted = cell(x)
    for value, other in zip(torch.compile(cell, fullgraph=True, backend="eager")(x), wanted, strict=True):
        torch.testing.assert_close(value, other)
    rows = torch.vmap(cell)(x[:, None])
    for value, other in zip(rows, wanted, strict=True):
        torch.testing.assert_close(value[:, 0], other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(2, 5),), "Expected 4, got 5"),
        ((torch.zeros(2, 2, 4),), "Expected input to be 1D or 2D, got 3D"),
        ((torch.zeros(()),), "input"),
        ((torch.zeros(2, 4, dtype=torch.float64),), "dtype"),
        (("x",), "tensor"),
        ((torch.zeros(2, 4), torch.zeros(2, 6)), "as a tuple \\(h, c\\)"),
        ((torch.zeros(2, 4), (torch.zeros(2, 6), torch.zeros(6))), "hidden state c of size \\(2, 6\\)"),
        ((torch.zeros(2, 4), None, {"elapsed": torch.zeros(2, 1)}), "step inputs none; got elapsed"),
    ],
)
def test_what_a_cell_refuses(arguments, words):
    with pytest.raises(KeepgateError, match=words):
        LSTMCell(4, 6)(*arguments)


def test_cells_that_are_none():
    with pytest.raises(InputError, match="random bits for a whole sequence"):
        RecurrentCell("zoneout(lstm, 0.25)", 4, 6)
    with pytest.raises(InputError, match="hidden_size must be at least 1"):
        LSTMCell(4, 0)
    assert repr(RecurrentCell("gru", 4, 6, bias=False)) == "RecurrentCell(gru, 4, 6, bias=False)"
