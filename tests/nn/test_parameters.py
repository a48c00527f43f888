from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest
import torch

from keepgate import cells
from keepgate.equations import Cell
from keepgate.errors import CellError, InputError
from keepgate.maps import Convolution
from keepgate.nn import GRU, LSTM, Recurrent
from keepgate.nn.parameters import DEFAULTS, Layers, Options


def parameters(kind):
    return dict(inspect.signature(kind).parameters)


def test_what_torch_does_not_have_is_listed_for_all_modules_alike():
    """`Options` types the keywords of `LSTM`, `GRU` and `RNN`; `Layers` has them with their defaults."""
    beyond = set(parameters(Layers)) - {"cell", *parameters(torch.nn.LSTM), *parameters(LSTM)}
    assert set(Options.__annotations__) == beyond | {"backend"}
    hints = get_type_hints(Layers.__init__)
    assert all(hints[name] == kind for name, kind in get_type_hints(Options).items())


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_defaults_are_one_for_all_modules(kind):
    for name, parameter in parameters(kind).items():
        if name in DEFAULTS:
            assert parameter.default == DEFAULTS[name], name


def test_a_layer_shows_the_options_that_differ():
    assert repr(Recurrent("gru", 2, 3)) == "Recurrent(gru, 2, 3)"
    layer = Recurrent("lstm", 2, 3, 2, bias=False, weight_drop=0.5, device="cpu", dtype=torch.float64)
    assert repr(layer) == "Recurrent(lstm, 2, 3, num_layers=2, bias=False, weight_drop=0.5)"
    every = {"num_layers": 2, "bias": True, "batch_first": True, "dropout": 0.5, "bidirectional": True, "proj_size": 1}
    every |= {"backend": "reference", "recompute": True, "forget_bias": 1.0, "initial_state": "learned"}
    every |= {"state_batch_first": True, "weight_drop": 0.25, "map": Convolution(3)}
    assert set(every) == set(DEFAULTS)
    shown = ", ".join(f"{name}={value!r}" for name, value in every.items() if name != "bias")
    assert repr(LSTM(2, 3, **every)) == f"LSTM(projected(lstm, 1), 2, 3, {shown})"


@pytest.mark.parametrize(
    ("options", "oracle"),
    [
        ({}, torch.nn.LSTM(2, 3)),
        ({"num_layers": 2, "bidirectional": True}, torch.nn.LSTM(2, 3, 2, bidirectional=True)),
        ({"bias": False, "proj_size": 2}, torch.nn.LSTM(2, 3, bias=False, proj_size=2)),
    ],
)
def test_names_shapes_and_order_are_torchs(options, oracle):
    layer = LSTM(2, 3, **options)
    wanted = [(name, value.shape) for name, value in oracle.named_parameters()]
    assert [(name, value.shape) for name, value in layer.named_parameters()] == wanted
    assert [len(row) for row in layer.all_weights] == [len(row) for row in oracle.all_weights]
    for row, weights in enumerate(layer.all_weights):
        assert [id(value) for value in layer.parameters_of(row).values()] == [id(value) for value in weights]


def test_learned_states_are_parameters_of_each_row():
    layer = LSTM(2, 3, bidirectional=True, proj_size=1, initial_state="learned")
    with torch.no_grad():
        layer.h_0_l0_reverse.fill_(7.0)
    found = layer.learned_states()
    assert {name: tuple(value.shape) for name, value in found.items()} == {"h": (2, 1), "c": (2, 3)}
    assert found["h"].tolist() == [[0.0], [7.0]]
    assert LSTM(2, 3).learned_states() == {}


def test_drawing_anew_is_the_seed_alone():
    layer = Recurrent("layer_norm(peephole_lstm)", 2, 3, initial_state="learned", forget_bias=1.0)
    torch.manual_seed(3)
    layer.reset_parameters()
    before = {name: value.clone() for name, value in layer.named_parameters()}
    with torch.no_grad():
        for value in layer.parameters():
            value.fill_(9.0)
    torch.manual_seed(3)
    layer.reset_parameters()
    assert all(torch.equal(value, before[name]) for name, value in layer.named_parameters())


@pytest.mark.parametrize(
    ("options", "training", "drops", "draws"),
    [
        ({"dropout": 0.5, "num_layers": 2}, True, True, False),
        ({"dropout": 0.5, "num_layers": 2}, False, False, False),
        ({"weight_drop": 0.5}, True, False, True),
        ({"weight_drop": 0.5}, False, False, False),
        ({"cell": "zoneout(lstm, 0.5)"}, True, False, True),
        ({}, True, False, False),
    ],
)
def test_when_random_bits_are_drawn(options, training, drops, draws):
    layer = LSTM(2, 3, **options).train(training)
    assert (layer.drops, layer.draws) == (drops, draws)


def test_weights_that_are_not_numbers_are_not_loaded():
    layer = LSTM(2, 3)
    state = layer.state_dict()
    state["weight_hh_l0"] = torch.full((12, 3), torch.nan)
    with pytest.raises(
        InputError, match=r"^LSTM: expected numbers in weight_hh_l0 \(12, 3\), got 36 NaN, first at \(0"
    ):
        layer.load_state_dict(state)


def test_a_cell_without_parameters_is_no_layer():
    class Still(Cell):
        name = "still"
        state = ("h",)

        def step(self, x, last):
            return self.State(h=0.5 * last.h)

    with pytest.raises(CellError, match=r"^still has no parameters, so it is no layer; give it an affine map$"):
        Recurrent(Still, 2, 3)
    assert cells.get(Still).equations.states == ("h",)


def test_memory_that_is_not_there():
    with pytest.raises(InputError, match=r"^weight_ih of shape \(\d+, 16777216\) cannot be made: "):
        LSTM(2**24, 2**24)
