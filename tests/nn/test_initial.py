"""How a layer begins: the forget gate's bias, and initial states that are learned."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from keepgate.nn import GRU, LSTM, Recurrent
from keepgate.scan import engines

BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]

FORGETFUL = [
    "lstm",
    "peephole_lstm",
    "peephole_lstm_full",
    "time_aware_lstm",
    "multiplicative_lstm",
    "layer_norm(lstm)",
    "layer_norm(peephole_lstm)",
    "zoneout(lstm)",
    "variational(recurrent_dropout(lstm))",
    "projected(lstm, 3)",
    "no_output_activation(lstm)",
    "activation(lstm, 'relu', 'hard_sigmoid')",
]


@pytest.mark.parametrize("cell", FORGETFUL)
def test_forget_bias_is_what_the_forget_gate_begins_at(cell: str):
    """With weights of zero a forget gate is the squashed bias."""
    layer = Recurrent(cell, 4, 6, 2, bidirectional=True, forget_bias=1.5, dtype=torch.float64).eval()
    plain = [value for name, value in layer.named_parameters() if name.startswith(("weight", "p_", "gain"))]
    nn.utils.vector_to_parameters(torch.zeros(sum(p.numel() for p in plain)).double(), plain)
    extra = {name: torch.rand(2, 3, 1).double() for name in layer.equations.step_inputs}
    _, _, gates = layer(torch.randn(2, 3, 4).double(), step_inputs=extra, return_gates=("f",))
    wanted = 1.5 / 6 + 0.5 if "hard" in cell else torch.tensor(1.5).double().sigmoid().item()
    torch.testing.assert_close(gates["f"], torch.full_like(gates["f"], wanted))


def test_forget_bias_leaves_all_else_as_torch_draws_it():
    torch.manual_seed(3)
    wanted = nn.LSTM(4, 6, 2).state_dict()
    torch.manual_seed(3)
    layer = LSTM(4, 6, 2, forget_bias=1.0)
    for name, value in layer.state_dict().items():
        keep = torch.ones(24, dtype=torch.bool)
        if name.startswith("bias"):
            keep[6:12] = False
            assert (value[6:12] == float("ih" in name)).all()
        assert torch.equal(value[keep], wanted[name][keep])
    nn.LSTM(4, 6, 2).load_state_dict(layer.state_dict(), strict=True)


def learned(backend: str, **options) -> LSTM:
    layer = LSTM(4, 6, 2, bidirectional=True, initial_state="learned", dtype=torch.float64, backend=backend, **options)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if "_0_l" in name:
                value.normal_()
    return layer


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_learned_state_is_what_giving_it_would_be(backend: str, batch_first: bool):
    layer = learned(backend, batch_first=batch_first)
    x = torch.randn((3, 5, 4) if batch_first else (5, 3, 4), dtype=torch.float64)
    reset = torch.rand(x.shape[:2]) < 0.3
    rows = ("l0", "l0_reverse", "l1", "l1_reverse")
    values = [[layer.get_parameter(f"{state}_0_{row}") for row in rows] for state in "hc"]
    hx = tuple(torch.stack([value.expand(3, 6) for value in state]) for state in values)
    wanted, got = (layer(x, given, reset=reset, lengths=[5, 2, 0]) for given in (hx, None))
    torch.testing.assert_close(got, wanted)
    leaves = [value for state in values for value in state]
    gradients = [torch.autograd.grad(out.square().sum() + h.sum() + c.sum(), leaves) for out, (h, c) in (got, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-10)
    assert all(gradient.any() for gradient in gradients[0])


def test_learned_states_begin_at_zero_and_travel():
    layer = GRU(4, 6, 2, initial_state="learned")
    names = [name for name in layer.state_dict() if "_0_l" in name]
    assert names == ["h_0_l0", "h_0_l1"]
    assert list(layer.state_dict())[: -len(names)] == list(GRU(4, 6, 2).state_dict())
    assert not any(layer.state_dict()[name].any() for name in names)
    x = torch.randn(5, 3, 4)
    plain = GRU(4, 6, 2)
    layer.load_state_dict(plain.state_dict() | {name: torch.zeros(6) for name in names}, strict=True)
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x))
    with pytest.raises(RuntimeError, match="h_0_l0"):
        layer.load_state_dict(plain.state_dict(), strict=True)
    torch.testing.assert_close(layer(x[:, 0])[1], layer(x[:, :1])[1][:, 0])


def test_the_seed_gives_torchs_weights_beside_a_learned_state():
    torch.manual_seed(3)
    wanted = nn.LSTM(4, 6).state_dict()
    torch.manual_seed(3)
    got = LSTM(4, 6, initial_state="learned").state_dict()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())


def test_a_stream_begins_at_the_learned_state():
    layer = LSTM(4, 6, 2, initial_state="learned", dtype=torch.float64).eval()
    with torch.no_grad():
        for name in ("h_0_l0", "c_0_l0", "h_0_l1", "c_0_l1"):
            layer.get_parameter(name).normal_()
    x = torch.randn(5, 3, 4, dtype=torch.float64)
    reset = torch.zeros(5, 3, dtype=torch.bool)
    reset[2, 1] = True
    stream = layer.stream(batch=3)
    outputs = []
    for t, step in enumerate(x):
        if t == 2:
            stream.reset([1])
        outputs.append(stream.step(step).clone())
    torch.testing.assert_close(torch.stack(outputs), layer(x, reset=reset)[0])
