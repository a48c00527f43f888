"""Every state at every step, and the gates: against the step by hand, against runs that end there, and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence

from keepgate import cells
from keepgate.nn import LSTM, Recurrent
from keepgate.scan import engines

BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]
SPECS = [*cells.registry(), "layer_norm(lstm)", "zoneout(gru, 0.2)", "projected(peephole_lstm, 3)", "variational(gru)"]
STEPS, BATCH = 5, 3


def given(layer: Recurrent, steps: int) -> dict[str, torch.Tensor]:
    return {name: torch.rand(steps, BATCH, 1, dtype=torch.float64) for name in layer.equations.step_inputs}


def of(final) -> tuple[torch.Tensor, ...]:
    return final if isinstance(final, tuple) else (final,)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_states_are_the_final_states_of_shorter_runs(backend: str, spec: str):
    layer = Recurrent(spec, 4, 6, 2, dtype=torch.float64, backend=backend).eval()
    x, extra = torch.randn(STEPS, BATCH, 4, dtype=torch.float64), given(layer, STEPS)
    output, final, states = layer(x, step_inputs=extra, return_states=True)
    assert states._fields == layer.equations.states
    torch.testing.assert_close(states[0][-1], output)
    for t in range(STEPS):
        _, there = layer(x[: t + 1], step_inputs={name: value[: t + 1] for name, value in extra.items()})
        torch.testing.assert_close(tuple(state[:, t] for state in states), of(there))
    torch.testing.assert_close(tuple(state[:, -1] for state in states), of(final))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gates_are_those_of_the_step_written_by_hand(backend: str):
    layer = LSTM(4, 6, dtype=torch.float64, backend=backend)
    x = torch.randn(STEPS, BATCH, 4, dtype=torch.float64, requires_grad=True)
    output, _, gates = layer(x, return_gates=True)
    assert list(gates) == ["i", "f", "g", "o", "c", "h"]
    h = c = torch.zeros(BATCH, 6, dtype=torch.float64)
    rows = []
    for step in x:
        net = linear(step, layer.weight_ih_l0, layer.bias_ih_l0) + linear(h, layer.weight_hh_l0, layer.bias_hh_l0)
        i, f, g, o = net.chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        rows.append((i, f, g, o, c, h))
    wanted = [torch.stack(values) for values in zip(*rows, strict=True)]
    torch.testing.assert_close([value[0] for value in gates.values()], wanted)
    torch.testing.assert_close(output, wanted[-1])
    leaves = [x, *layer.parameters()]
    cotangents = [torch.randn_like(value) for value in wanted]
    losses = (
        sum((v[0] * d).sum() for v, d in zip(gates.values(), cotangents, strict=True)),
        sum((v * d).sum() for v, d in zip(wanted, cotangents, strict=True)),
    )
    torch.testing.assert_close(*(torch.autograd.grad(loss, leaves) for loss in losses), rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("spec", SPECS)
def test_engines_agree_on_every_named_value_and_its_gradient(spec: str):
    torch.manual_seed(0)
    options = {"bidirectional": True, "dtype": torch.float64}
    layers = [Recurrent(spec, 4, 6, 2, backend=backend, **options) for backend in BACKENDS]
    x, extra = torch.randn(STEPS, BATCH, 4, dtype=torch.float64), given(layers[0], STEPS)
    results = []
    for layer in layers:
        layer.load_state_dict(layers[0].state_dict())
        torch.manual_seed(1)
        _, _, gates = layer(x, lengths=[5, 0, 2], step_inputs=extra, return_gates=True)
        assert set(gates) == {name for name, value in layer.equations.recordable.items() if value.width != "input"}
        assert all(not value[:, 2:, 2].any() for value in gates.values())
        loss = sum(value.square().sum() for value in gates.values())
        results.append((gates, torch.autograd.grad(loss, list(layer.parameters()))))
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("state_batch_first", [False, True])
def test_layouts(backend: str, batch_first: bool, state_batch_first: bool):
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64, "backend": backend}
    plain = LSTM(4, 6, **options)
    layer = LSTM(4, 6, **options, batch_first=batch_first, state_batch_first=state_batch_first)
    layer.load_state_dict(plain.state_dict())
    x, hx = torch.randn(STEPS, BATCH, 4, dtype=torch.float64), torch.randn(2, 4, BATCH, 6, dtype=torch.float64)

    def turned(value: torch.Tensor, yes: bool) -> torch.Tensor:
        return value.transpose(0, 1) if yes else value

    wanted, final, states = plain(x, tuple(hx), return_states=True)
    got, last, traces = layer(
        turned(x, batch_first), tuple(turned(h, state_batch_first) for h in hx), return_states=True
    )
    torch.testing.assert_close(turned(got, batch_first), wanted)
    torch.testing.assert_close(tuple(turned(h, state_batch_first) for h in last), final)
    order = (1, 2, 0, 3) if state_batch_first else ((0, 2, 1, 3) if batch_first else (0, 1, 2, 3))
    torch.testing.assert_close(tuple(trace.permute(order) for trace in traces), tuple(states))
    _, _, alone = plain(x[:, 0], tuple(hx[:, :, 0]), return_states=True)
    torch.testing.assert_close(tuple(alone), tuple(state[:, :, 0] for state in states))


@pytest.mark.parametrize("backend", BACKENDS)
def test_past_the_length_there_is_nothing(backend: str):
    layer = LSTM(4, 6, 2, bidirectional=True, dtype=torch.float64, backend=backend)
    x, lengths = torch.randn(STEPS, BATCH, 4, dtype=torch.float64), torch.tensor([2, 5, 3])
    output, final, states = layer(x, lengths=lengths, return_states=True)
    for row, length in enumerate(lengths.tolist()):
        _, _, alone = layer(x[:length, row : row + 1], return_states=True)
        for state, wanted in zip(states, alone, strict=True):
            torch.testing.assert_close(state[:, :length, row], wanted[:, :, 0])
            assert not state[:, length:, row].any()
    packed, last, traces = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), return_states=True)
    torch.testing.assert_close((last, tuple(traces)), (final, tuple(states)))
    torch.testing.assert_close(nn.utils.rnn.pad_packed_sequence(packed)[0], output)


def test_recording_changes_nothing():
    layer = Recurrent("zoneout(lstm, 0.3)", 4, 6, 2)
    x = torch.randn(STEPS, BATCH, 4)
    results = []
    for options in ({}, {"return_states": True, "return_gates": ("f", "o")}):
        torch.manual_seed(4)
        output, final, *_ = layer(x, **options)
        loss = output.square().sum() + sum(state.sum() for state in final)
        results.append((output, *final, *torch.autograd.grad(loss, list(layer.parameters()))))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_no_step_leaves_nothing():
    _, _, states, gates = LSTM(4, 6, 2)(torch.zeros(0, BATCH, 4), return_states=True, return_gates=("f",))
    assert states.c.shape == gates["f"].shape == (2, 0, BATCH, 6)
