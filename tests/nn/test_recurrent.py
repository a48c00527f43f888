"""`Recurrent` over any cell: what it takes and gives, state carried on, resets, noise, copies, and text."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from keepgate import cells
from keepgate.cells import LSTM as LSTMCell
from keepgate.cells import zoneout
from keepgate.equations import Cell, affine, sigmoid, step_input, tanh
from keepgate.nn import GRU, LSTM, RNN, Recurrent

SPECS = [*cells.registry(), "layer_norm(lstm)", "zoneout(gru, 0.2)", "projected(peephole_lstm, 3)"]


def given(layer: Recurrent, steps: int, batch: int) -> dict[str, torch.Tensor]:
    return {name: torch.rand(steps, batch, 1) for name in layer.equations.step_inputs}


def states(final) -> tuple[torch.Tensor, ...]:
    return final if isinstance(final, tuple) else (final,)


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_and_state(spec: str):
    layer = Recurrent(spec, 4, 6, num_layers=2, bidirectional=True)
    output, final = layer(torch.randn(5, 3, 4), step_inputs=given(layer, 5, 3))
    assert output.shape == (5, 3, layer.output_size)
    assert isinstance(final, tuple) == (len(layer.equations.states) > 1)
    assert [tuple(state.shape) for state in states(final)] == [(4, 3, width) for width in layer.widths.values()]


@pytest.mark.parametrize("spec", SPECS)
def test_state_carries_on(spec: str):
    """A sequence in two windows is the sequence."""
    layer = Recurrent(spec, 4, 6, num_layers=2, dtype=torch.float64).eval()
    x = torch.randn(9, 3, 4, dtype=torch.float64)
    extra = {name: value.double() for name, value in given(layer, 9, 3).items()}
    whole, final = layer(x, step_inputs=extra)
    first, state = layer(x[:4], step_inputs={name: value[:4] for name, value in extra.items()})
    second, last = layer(x[4:], state, step_inputs={name: value[4:] for name, value in extra.items()})
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(last, final)


@pytest.mark.parametrize("spec", SPECS)
def test_an_empty_sequence_returns_its_state(spec: str):
    layer = Recurrent(spec, 4, 6)
    hx = tuple(torch.randn(1, 3, width) for width in layer.widths.values())
    output, final = layer(torch.zeros(0, 3, 4), hx if len(hx) > 1 else hx[0], step_inputs=given(layer, 0, 3))
    assert output.shape == (0, 3, layer.output_size)
    torch.testing.assert_close(states(final), hx)


def test_reset_starts_anew_and_stops_the_gradient():
    layer = Recurrent("peephole_lstm", 4, 6, dtype=torch.float64)
    x = torch.randn(6, 2, 4, dtype=torch.float64, requires_grad=True)
    hx = tuple(torch.randn(1, 2, 6, dtype=torch.float64) for _ in range(2))
    reset = torch.zeros(6, 2, dtype=torch.bool)
    reset[4, 0] = True
    output, final = layer(x, hx, reset=reset)
    anew, state = layer(x[4:, :1], tuple(h[:, :1] for h in hx))
    torch.testing.assert_close(output[4:, :1], anew)
    torch.testing.assert_close(tuple(s[:, :1] for s in final), state)
    torch.testing.assert_close(output[:, 1:], layer(x[:, 1:], tuple(h[:, 1:] for h in hx))[0])
    [gradient] = torch.autograd.grad(output[5].sum(), x)
    assert not gradient[:4, 0].any()
    assert gradient[:4, 1].any(-1).all()


@pytest.mark.parametrize("batch_first", [False, True])
def test_reset_and_step_inputs_have_the_layout_of_the_input(batch_first: bool):
    layer = Recurrent("time_aware_lstm", 4, 6, batch_first=batch_first)
    plain = Recurrent("time_aware_lstm", 4, 6)
    plain.load_state_dict(layer.state_dict())
    x, elapsed, reset = torch.randn(5, 3, 4), torch.rand(5, 3, 1), torch.rand(5, 3) < 0.4
    turned = [value.transpose(0, 1) if batch_first else value for value in (x, elapsed, reset)]
    got, final = layer(turned[0], reset=turned[2], step_inputs={"elapsed": turned[1]})
    wanted, state = plain(x, reset=reset, step_inputs={"elapsed": elapsed})
    torch.testing.assert_close(got.transpose(0, 1) if batch_first else got, wanted)
    torch.testing.assert_close(final, state)
    alone, _ = plain(x[:, 0], reset=reset[:, 0], step_inputs={"elapsed": elapsed[:, 0]})
    torch.testing.assert_close(alone, wanted[:, 0])


def test_lengths_hold_the_state_and_zero_the_output():
    layer = Recurrent("gru", 4, 6, num_layers=2, bidirectional=True, batch_first=True)
    x = torch.randn(3, 5, 4)
    hx = torch.randn(4, 3, 6)
    output, final = layer(x, hx, lengths=[5, 0, 2])
    assert not output[1].any()
    assert not output[2, 2:].any()
    torch.testing.assert_close(final[:, 1], hx[:, 1])
    short, state = layer(x[2:, :2], hx[:, 2:].contiguous())
    torch.testing.assert_close(output[2:, :2], short)
    torch.testing.assert_close(final[:, 2:], state)


def test_noise_is_drawn_in_training_alone_and_by_torchs_seed():
    layer = Recurrent(zoneout(LSTMCell(), 0.5), 4, 6)
    x = torch.randn(5, 3, 4)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(layer.train()(x)[0])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])
    assert not torch.equal(layer(x)[0], runs[0])


def test_noise_is_apart_in_layers_and_directions():
    """With all weights zero, h(t) = 0.5 h(t-1), held where the bits say: so the bits show in the final states."""
    layer = Recurrent("zoneout(gru, 0.5)", 4, 64, num_layers=2, bidirectional=True).train()
    nn.utils.vector_to_parameters(torch.zeros(sum(p.numel() for p in layer.parameters())), layer.parameters())
    _, final = layer(torch.randn(6, 8, 4), torch.ones(4, 8, 64))
    for i in range(4):
        for j in range(i):
            assert not torch.equal(final[i], final[j])


def test_evaluation_is_the_mean_of_training():
    """One step of zoneout: the expectation over the bits is what evaluation computes."""
    layer = Recurrent("zoneout(rnn, 0.3)", 3, 5, dtype=torch.float64)
    x, hx = torch.randn(1, 1, 3).double().expand(1, 20_000, 3), torch.ones(1, 20_000, 5).double()
    torch.manual_seed(0)
    drawn = layer.train()(x, hx)[0].mean(1)
    torch.testing.assert_close(drawn, layer.eval()(x[:, :1], hx[:, :1])[0][:, 0], rtol=0, atol=0.03)


def test_dropout_lies_between_layers_in_training_alone():
    layer = Recurrent("gru_cho", 4, 6, num_layers=2, dropout=0.9)
    x = torch.randn(5, 3, 4)
    assert not torch.equal(layer.train()(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])


def test_a_cell_of_ones_own_learns():
    class Leaky(Cell):
        state = ("h",)

        def step(self, x, last):
            keep = sigmoid(affine("k", x, last.h) - step_input("gap"))
            return self.State(h=keep * last.h + (1 - keep) * tanh(affine("n", x)))

    torch.manual_seed(0)
    layer, head = Recurrent(Leaky, 1, 16), nn.Linear(16, 1)
    x = torch.randn(20, 32, 1)
    target, gap = x.cumsum(0).tanh(), torch.zeros(20, 32, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=2e-2)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = (head(layer(x, step_inputs={"gap": gap})[0]) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@pytest.mark.parametrize("spec", SPECS)
def test_copies_compute_the_same(spec: str, copied):
    layer = Recurrent(spec, 4, 6, num_layers=2).eval()
    other = copied(layer)
    x, extra = torch.randn(5, 3, 4), given(layer, 5, 3)
    torch.testing.assert_close(other(x, step_inputs=extra), layer(x, step_inputs=extra))
    assert not {id(p) for p in other.parameters()} & {id(p) for p in layer.parameters()}


def test_weights_travel_through_a_file():
    layer, other = Recurrent("multiplicative_lstm", 4, 6), Recurrent("multiplicative_lstm", 4, 6)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True), strict=True)
    x = torch.randn(5, 3, 4)
    torch.testing.assert_close(other(x), layer(x))


def test_parameters_begin_within_the_bound_or_where_the_cell_says():
    layer = Recurrent("layer_norm(lstm)", 4, 25)
    named = layer.state_dict()
    assert (named["gain_i_f_l0"] == 1).all()
    assert (named["shift_c_l0"] == 0).all()
    for name in ("weight_ih_l0", "weight_hh_l0"):
        assert named[name].abs().max() <= 1 / 25**0.5
        assert named[name].abs().mean() == pytest.approx(0.5 / 25**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: LSTM(3, 5), "LSTM(lstm, 3, 5)"),
        (lambda: GRU(3, 5, 2, batch_first=True), "GRU(gru, 3, 5, num_layers=2, batch_first=True)"),
        (lambda: RNN(3, 5, nonlinearity="relu", bias=False), "RNN(rnn, 3, 5, bias=False)"),
        (
            lambda: Recurrent("coupled(lstm)", 3, 5, 2, dropout=0.1, bidirectional=True, proj_size=2),
            "Recurrent(projected(coupled(lstm), 2), 3, 5, num_layers=2, dropout=0.1, bidirectional=True, proj_size=2)",
        ),
        (lambda: Recurrent("gru", 3, 5, backend="reference"), "Recurrent(gru, 3, 5, backend='reference')"),
    ],
)
def test_text(layer, text: str):
    assert repr(layer()) == text


def test_the_cell_of_an_lstm_can_be_any():
    layer = LSTM(3, 5, cell="peephole_lstm")
    assert [name for name, _ in layer.named_parameters()] == [
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "bias_hh_l0",
        "p_i_l0",
        "p_f_l0",
        "p_o_l0",
    ]
    assert GRU(3, 5, cell="gru_cho").cell.name == "gru_cho"
