"""What a layer keeps from call to call is never stale: whatever is changed, it gives what the reference gives."""

from __future__ import annotations

import copy
import io
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parametrizations, prune

from keepgate.errors import KeepgateError
from keepgate.nn import GRU, LSTM, Recurrent
from keepgate.scan import engines
from keepgate.testing.tolerances import assert_close

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

X = torch.linspace(-1, 1, 30).reshape(5, 2, 3)


def layer_of(backend: str) -> LSTM:
    torch.manual_seed(0)
    return LSTM(3, 4, num_layers=2, bidirectional=True, backend=backend)


def replaced(layer: LSTM) -> None:
    layer.weight_hh_l1 = nn.Parameter(torch.full_like(layer.weight_hh_l1, 0.25))


def registered(layer: LSTM) -> None:
    layer.register_parameter("weight_ih_l0_reverse", nn.Parameter(torch.full((16, 3), 0.25)))


def written(layer: LSTM) -> None:
    layer.bias_ih_l0.data.fill_(0.5)


def other_memory(layer: LSTM) -> None:
    layer.weight_hh_l0.data = layer.weight_hh_l0.data.t().clone().t().mul(2)


def normed(layer: LSTM) -> None:
    parametrizations.weight_norm(layer, "weight_hh_l0")


def spectral(layer: LSTM) -> None:
    torch.manual_seed(1)
    parametrizations.spectral_norm(layer, "weight_hh_l1_reverse").eval()


def pruned(layer: LSTM) -> None:
    prune.l1_unstructured(layer, "weight_ih_l1", amount=0.5)


def widened(layer: LSTM) -> None:
    layer.double()


def narrowed(layer: LSTM) -> None:
    layer.double().float()


def one_bias(layer: LSTM) -> None:
    layer.bias_ih_l0 = nn.Parameter(torch.tensor([0.3]))


CHANGES = [replaced, registered, written, other_memory, normed, spectral, pruned, widened, narrowed, one_bias]


def outcome(layer: LSTM, grad: bool) -> list[Tensor]:
    weight = layer.all_weights[0][0]
    x = X.to(weight.dtype)
    if not grad:
        with torch.no_grad():
            output, final = layer(x)
            return [output, *final]
    layer.zero_grad()
    output, final = layer(x)
    (output.sum() + final[1].square().sum()).backward()
    return [output, *final, *(p.grad for _, p in sorted(layer.named_parameters()) if p.grad is not None)]


def same(native: LSTM, reference: LSTM, grad: bool) -> None:
    for got, right in zip(outcome(native, grad), outcome(reference, grad), strict=True):
        assert_close("a result", got.detach(), right.detach())


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_in_the_next_call(change: Callable[[LSTM], None], grad: bool):
    layers = [layer_of(backend) for backend in ("native", "reference")]
    same(*layers, grad)
    for layer in layers:
        change(layer)
    same(*layers, grad)


@pytest.mark.parametrize("copied", ["deepcopy", "torch.save", "replica"])
def test_copies_keep_nothing_of_the_layer(copied: str):
    layer = layer_of("native")
    before = outcome(layer, False)
    if copied == "deepcopy":
        other = copy.deepcopy(layer)
    elif copied == "torch.save":
        torch.save(layer, file := io.BytesIO())
        file.seek(0)
        other = torch.load(file, weights_only=False)
    else:  # as DataParallel makes one
        other = layer._replicate_for_data_parallel()
        for name, value in layer.named_parameters():
            setattr(other, name, value.detach().clone())
    assert all(torch.equal(*pair) for pair in zip(outcome(other, False), before, strict=True))
    with torch.no_grad():
        other.weight_hh_l0.mul_(2)
    assert not torch.equal(outcome(other, False)[0], before[0])
    assert torch.equal(outcome(layer, False)[0], before[0])


def test_other_options_are_other_layers():
    layer = layer_of("native")
    outcome(layer, False)
    layer.backend = "reference"
    assert_close("output", outcome(layer, False)[0], outcome(layer_of("native"), False)[0])
    layer.backend, layer.hidden_size = "native", 7
    with pytest.raises(KeepgateError, match=r"expected weight_ih_l0 of shape \(28, 3\)"):
        layer(X)


def test_other_weights_for_one_call():
    layer = layer_of("native")
    before = outcome(layer, False)[0]
    others = {name: value.detach() * 2 for name, value in layer.named_parameters()}
    other = copy.deepcopy(layer)
    other.load_state_dict(others)
    with torch.no_grad():
        assert torch.equal(functional_call(layer, others, (X,))[0], other(X)[0])
        many = {name: torch.stack([value, value / 2]) for name, value in others.items()}
        both = vmap(lambda values: functional_call(layer, values, (X,))[0])(many)
    assert_close("a population", both[0].detach(), other(X)[0].detach())
    assert_close("a population", both[1].detach(), before)
    assert torch.equal(outcome(layer, False)[0], before)


@pytest.mark.parametrize("grad", [False, True])
def test_lengths_that_rise_and_fall(grad: bool):
    """Sorted once for all layers and directions, the results and gradients are those of the reference."""
    found = []
    for backend in ("native", "reference"):
        torch.manual_seed(0)
        layer = Recurrent("gru", 3, 4, num_layers=2, bidirectional=True, backend=backend, dtype=torch.float64)
        x = torch.randn(5, 4, 3, dtype=torch.float64, requires_grad=grad)
        state = torch.randn(4, 4, 4, dtype=torch.float64, requires_grad=grad)
        reset = torch.rand(5, 4) < 0.3
        with torch.set_grad_enabled(grad):
            output, final = layer(x, state, torch.tensor([2, 5, 0, 3]), reset=reset)
        results = [output, final]
        if grad:
            results += torch.autograd.grad(output.square().sum() + final.sum(), [x, state, *layer.parameters()])
        found.append(results)
    for got, right in zip(*found, strict=True):
        assert_close("a result", got.detach(), right.detach())


def test_second_derivatives_through_sorted_rows():
    layer, lengths = GRU(3, 4, backend="native", dtype=torch.float64), torch.tensor([2, 5, 3])
    x = torch.randn(5, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, lengths=lengths)[0], (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x, lengths=lengths)[0], (x,))
    output = layer(x, lengths=lengths)[0]
    cotangents = torch.randn(2, *output.shape, dtype=torch.float64)
    (together,) = torch.autograd.grad(output, x, cotangents, is_grads_batched=True, retain_graph=True)
    for got, cotangent in zip(together, cotangents, strict=True):
        assert_close("gradient", got, torch.autograd.grad(output, x, cotangent, retain_graph=True)[0])


PLAIN = {
    "one step": (LSTM(3, 4), X[:1, :1]),
    "batch first": (LSTM(3, 4, batch_first=True), X),
    "batch first, one row": (LSTM(3, 4, batch_first=True), X[:1]),
    "both directions": (LSTM(3, 4, num_layers=3, bidirectional=True), X),
    "deep": (GRU(3, 4, num_layers=3), X),
    "projected": (LSTM(3, 4, num_layers=2, proj_size=2), X),
    "in training": (LSTM(3, 4, num_layers=2, dropout=0.5).train(), X),
    "no bias": (LSTM(3, 4, bias=False), X),
    "states with the batch first": (LSTM(3, 4, state_batch_first=True), X),
    "learned states": (LSTM(3, 4, initial_state="learned"), X),
    "float64": (LSTM(3, 4, dtype=torch.float64), X.double()),
    "no steps": (LSTM(3, 4), X[:0]),
    "no rows": (LSTM(3, 4, bidirectional=True), X[:, :0]),
    "normalized": (Recurrent("layer_norm(lstm)", 3, 4, num_layers=2), X),
    "zoneout": (Recurrent("zoneout(lstm, 0.5)", 3, 4).eval(), X),
    "no batch": (LSTM(3, 4), X[:, 0]),
    "not dense": (LSTM(3, 4), X.flip(0).transpose(0, 1).contiguous().transpose(0, 1)),
    "negated": (LSTM(3, 4), torch._neg_view(X)),
    "zero tensor": (LSTM(3, 4), torch._efficientzerotensor(X.shape)),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_a_call_of_bound_layers_has_the_bits_of_one_that_keeps_a_gradient(kind: str):
    layer, x = PLAIN[kind]
    results = []
    for grad in (True, False, False):
        torch.manual_seed(0)
        with torch.set_grad_enabled(grad):
            output, final = layer(x)
            states = final if isinstance(final, tuple) else (final,)
            more, last = layer(x, final)
        results.append([output, *states, more, *(last if isinstance(last, tuple) else (last,))])
    for found in results[1:]:
        assert all(torch.equal(*pair) for pair in zip(found, results[0], strict=True))
        assert [one.shape for one in found] == [one.shape for one in results[0]]


WRONG = {
    "features": (X[..., :2], None),
    "dtype": (X.double(), None),
    "device": (X.to("meta"), None),
    "sparse": (X.to_sparse(), None),
    "a list": (X.tolist(), None),
    "one state of two": (X, (torch.zeros(4, 2, 4),)),
    "a state as it is": (X, torch.zeros(4, 2, 4)),
    "rows of a state": (X, (torch.zeros(4, 3, 4), torch.zeros(4, 2, 4))),
    "dtype of a state": (X, (torch.zeros(4, 2, 4), torch.zeros(4, 2, 4).double())),
    "no tensor": (X, (torch.zeros(4, 2, 4), 1.0)),
}


@pytest.mark.parametrize("kind", WRONG)
@torch.no_grad()
def test_bound_layers_say_what_is_wrong_in_the_same_words(kind: str):
    x, state = WRONG[kind]
    fresh, bound = layer_of("native"), layer_of("native")
    bound(X)
    said = []
    for layer in (fresh, bound):
        with pytest.raises(KeepgateError) as error:
            layer(x, state)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_other_engines_and_dtypes_of_a_bound_layer():
    layer = layer_of("native")
    with torch.no_grad():
        before = layer(X)[0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer(X)[0].dtype is torch.bfloat16
        assert torch.equal(vmap(lambda x: layer(x)[0])(X[None])[0], before)
        layer.backend = "reference"
        assert_close("output", layer(X)[0], before)


def test_a_training_step_is_few_calls_of_python():
    """Of which a seventh is torch's own: each takes as long as a small layer's step in the core."""
    layer, x, cotangent = LSTM(3, 4), X, torch.ones(5, 2, 4)
    calls: list[str] = []

    def see(frame, event, argument) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    for _ in range(3):
        calls.clear()
        sys.setprofile(see)
        try:
            layer(x)[0].backward(cotangent)
        finally:
            sys.setprofile(None)
    assert len(calls) <= 125
