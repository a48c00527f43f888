"""Frozen layers: the bits of the layer, weights that are not looked at, and errors where they would be wrong."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence

from keepgate.errors import BackendError, InputError, ShapeError
from keepgate.nn import GRU, LSTM, Recurrent
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

X = torch.linspace(-1, 1, 30).reshape(5, 2, 3)
LENGTHS = torch.tensor([2, 5])
CALLS: dict[str, tuple[Callable[[], Recurrent], Callable[[Recurrent], Any]]] = {
    "plain": (lambda: LSTM(3, 4), lambda layer: layer(X)),
    "from a state": (lambda: LSTM(3, 4), lambda layer: layer(X, (torch.ones(1, 2, 4), torch.ones(1, 2, 4)))),
    "batch first": (lambda: LSTM(3, 4, batch_first=True), lambda layer: layer(X)),
    "no batch": (lambda: GRU(3, 4), lambda layer: layer(X[:, 0])),
    "deep": (lambda: LSTM(3, 4, num_layers=3, bidirectional=True, dropout=0.5), lambda layer: layer(X, None, LENGTHS)),
    "packed": (lambda: GRU(3, 4), lambda layer: layer(pack_padded_sequence(X, LENGTHS, enforce_sorted=False))),
    "resets": (lambda: LSTM(3, 4), lambda layer: layer(X, reset=torch.ones(5, 2).bool())),
    "states": (lambda: LSTM(3, 4), lambda layer: layer(X, return_states=True, return_gates=True)[:3]),
    "noise": (lambda: Recurrent("zoneout(peephole_lstm, 0.5)", 3, 4, weight_drop=0.5), lambda layer: layer(X)),
    "learned states": (lambda: LSTM(3, 4, initial_state="learned"), lambda layer: layer(X)),
    "float64": (lambda: LSTM(3, 4, dtype=torch.float64), lambda layer: layer(X.double())),
    "normed": (lambda: parametrizations.weight_norm(LSTM(3, 4), "weight_hh_l0"), lambda layer: layer(X)),
    "large": (lambda: LSTM(3, 1100), lambda layer: layer(X)),
}


def flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for part in value if part is not None for tensor in flat(part)]


@pytest.mark.parametrize("kind", CALLS)
def test_it_gives_the_bits_of_the_layer(kind: str):
    make, call = CALLS[kind]
    layer = make()
    fast = layer.frozen()
    results = [flat(call(fast)) for _ in range(2)]
    assert layer.training
    with torch.no_grad():
        wanted = flat(call(layer.eval()))
    for found in results:
        assert len(found) == len(wanted)
        assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))
        assert not any(one.requires_grad for one in found)


def stepped(layer: nn.Module) -> None:
    layer(X)[0].sum().backward()
    torch.optim.SGD(layer.parameters(), 0.1).step()


CHANGES: dict[str, Callable[[Any], Any]] = {
    "optimizer": stepped,
    "state dict": lambda layer: layer.load_state_dict(layer.state_dict()),
    "in place": lambda layer: nn.init.zeros_(layer.bias_ih_l0),
    "another": lambda layer: setattr(layer, "weight_ih_l0", nn.Parameter(torch.zeros(16, 3))),
    "normed": lambda layer: parametrizations.weight_norm(layer, "weight_hh_l0"),
    "double": lambda layer: layer.double(),
    "there and back": lambda layer: layer.double().float(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_parameters_are_refused(change: str):
    layer = LSTM(3, 4)
    fast = layer.frozen()
    before = fast(X)[0]
    CHANGES[change](layer)
    for _ in range(2):
        with pytest.raises(BackendError, match=r"parameters have changed since; freeze it again$"):
            fast(X)
    if change != "double":
        with torch.no_grad():
            assert torch.equal(layer.frozen()(X)[0], layer(X)[0])
        assert torch.equal(layer.frozen()(X)[0], before) == (change in ("state dict", "there and back", "normed"))


def test_what_torch_does_not_count_is_not_seen():
    layer = LSTM(3, 4)
    fast = layer.frozen()
    before = fast(X)[0]
    layer.weight_hh_l0.data.zero_()
    assert torch.equal(fast(X)[0], before)
    assert not torch.equal(layer(X)[0], before)


def test_gradients_are_refused():
    fast, x = LSTM(3, 4).frozen(), X.clone().requires_grad_()
    state = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4, requires_grad=True)
    for arguments in ((x,), (X, state), (pack_padded_sequence(x, LENGTHS, enforce_sorted=False),)):
        with pytest.raises(BackendError, match=r"^LSTM: a frozen layer has no gradients, .*; call the layer itself$"):
            fast(*arguments)
    with torch.no_grad():
        assert not fast(x, state)[0].requires_grad
    with pytest.raises(BackendError, match=r"outside .* torch\.func; call the layer"):
        torch.func.grad(lambda x: fast(x)[0].sum())(X)


def test_engines_and_dtypes_are_refused():
    for layer in (LSTM(3, 4, backend="reference"), LSTM(3, 4, dtype=torch.bfloat16), LSTM(3, 4, device="meta")):
        with pytest.raises(BackendError):
            layer.frozen()


def test_it_stays_in_evaluation_and_keeps_names():
    layer = LSTM(3, 4, dropout=0.5, num_layers=2)
    model = nn.Sequential(layer.frozen()).train()
    assert not model[0].training
    assert [*model[0].state_dict()] == [*layer.state_dict()]
    with pytest.raises(ShapeError, match="input_size"):
        model(X[..., :2])


@pytest.mark.parametrize("copied", ["deepcopy", "torch.save"])
def test_a_copy_is_frozen_with_its_own_parameters(copied: str):
    layer = LSTM(3, 4)
    fast = layer.frozen()
    if copied == "deepcopy":
        other = copy.deepcopy(fast)
    else:
        torch.save(fast, file := io.BytesIO())
        file.seek(0)
        other = torch.load(file, weights_only=False)
    nn.init.zeros_(layer.weight_hh_l0)
    with torch.no_grad():
        for name, value in layer.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]) == (name != "weight_hh_l0")
    assert other(X)[0].shape == (5, 2, 4)
    nn.init.zeros_(other.weight_hh_l0)
    with pytest.raises(BackendError, match="changed"):
        other(X)


def test_hooks_run_once():
    layer, calls = GRU(3, 4), []
    layer.register_forward_hook(lambda *_: calls.append(1))
    layer.frozen()(X)
    assert len(calls) == 1


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_weights_in_fewer_bits_as_in_streams(storage: str):
    layer, x = LSTM(17, 40, num_layers=2), torch.randn(9, 5, 17)
    stream = layer.stream(5, storage)
    wanted = torch.stack([stream.step(one) for one in x])
    for _ in range(2):
        output, final = layer.frozen(storage)(x)
        assert torch.equal(output, wanted)
        assert all(torch.equal(*pair) for pair in zip(final, stream.state, strict=True))
    assert not torch.equal(layer.frozen()(x)[0], wanted)


def test_weights_in_fewer_bits_both_ways_with_lengths():
    layer, x = GRU(17, 40, bidirectional=True), torch.randn(9, 3, 17)
    fast, lengths = layer.frozen("int8"), torch.tensor([9, 4, 0])
    output, _ = fast(x, None, lengths)
    alone = fast(x[:4, 1:2])[0]
    assert torch.equal(output[:4, 1:2], alone)
    assert not output[4:, 1].any()
    with torch.no_grad():
        assert (output - layer(x, None, lengths)[0]).abs().max() < 0.05


def test_storages_that_do_not_go():
    for layer, storage in ((LSTM(3, 4), "int4"), (LSTM(3, 4, dtype=torch.float64), "int8")):
        with pytest.raises(InputError, match="storage is one of full, bfloat16, int8"):
            layer.frozen(storage)
