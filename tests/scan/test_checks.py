"""What reaches the core is checked: in its memory, another dtype, shape or device would be other numbers, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from keepgate.cells import get, projected
from keepgate.equations import Cell, affine, sigmoid, size, step_input, tanh, vector
from keepgate.errors import InputError, KeepgateError, KindError, ShapeError
from keepgate.nn import LSTM, Recurrent
from keepgate.objectives import LinearChainCRF, beam_search, ctc_loss_from_logits
from keepgate.scan import Arguments, engines, scan
from keepgate.scan.operators import text_of
from keepgate.testing.tolerances import assert_close

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

X = torch.linspace(-1, 1, 30).reshape(5, 2, 3)
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def lstm(**options: Any) -> LSTM:
    torch.manual_seed(0)
    return LSTM(3, 4, **options)


def changed(name: str, change: Callable[[Tensor], Tensor]) -> LSTM:
    layer = lstm()
    setattr(layer, name, nn.Parameter(change(getattr(layer, name).detach()), requires_grad=False))
    return layer


def by_data(name: str, change: Callable[[Tensor], Tensor]) -> LSTM:
    layer = lstm()
    getattr(layer, name).data = change(getattr(layer, name).data)
    return layer


def half_biases() -> LSTM:
    layer = lstm()
    state = {name: value.half() if "bias" in name else value for name, value in layer.state_dict().items()}
    layer.load_state_dict(state, assign=True)
    return layer


def half_gains() -> Recurrent:
    layer = Recurrent("layer_norm(lstm)", 3, 4)
    for name, parameter in layer.named_parameters():
        if "gain" in name:
            parameter.data = parameter.data.half()
    return layer


def other_size() -> LSTM:
    layer = lstm()
    layer.hidden_size = 999
    return layer


def freed() -> LSTM:
    layer = lstm()
    layer.weight_hh_l0.untyped_storage().resize_(0)
    return layer


LAYERS: dict[str, tuple[Callable[[], Recurrent], str]] = {
    "half biases": (half_biases, r"^LSTM: expected bias_ih_l0 of shape \(16,\), torch.float32 on cpu, got .*float16$"),
    "half gains": (half_gains, r"^Recurrent: expected gain_\w+ of shape \(4,\), .*float16$"),
    "on meta": (lambda: changed("weight_hh_l0", lambda w: w.to("meta")), "weight_hh_l0 .* on meta$"),
    "float64": (lambda: by_data("weight_hh_l0", Tensor.double), "weight_hh_l0 .*float64$"),
    "integers": (lambda: changed("weight_hh_l0", Tensor.int), "weight_hh_l0 .*int32$"),
    "a smaller matrix": (lambda: by_data("weight_hh_l0", lambda w: w[:2, :2]), r"weight_hh_l0 .*got \(2, 2\)"),
    "a longer bias": (lambda: by_data("bias_hh_l0", lambda b: b.repeat(2)), r"bias_hh_l0 .*got \(32,\)"),
    "sparse": (lambda: changed("weight_hh_l0", Tensor.to_sparse), "weight_hh_l0 .*sparse"),
    "another hidden size": (other_size, r"weight_ih_l0 of shape \(3996, 3\)"),
    "freed memory": (freed, "memory was given back"),
    "no bias": (lambda: changed_to_none("bias_ih_l0"), "expected bias_ih_l0 as a tensor, got NoneType"),
    "no weight": (lambda: changed_to_none("weight_ih_l0"), "expected weight_ih_l0 as a tensor, got NoneType"),
}


def changed_to_none(name: str) -> LSTM:
    layer = lstm()
    setattr(layer, name, None)
    return layer


@pytest.mark.parametrize("change", LAYERS)
def test_a_layer_checks_its_parameters(change: str):
    make, message = LAYERS[change]
    with pytest.raises(KeepgateError, match=message):
        make()(X)


@pytest.mark.parametrize("change", [name for name in LAYERS if name not in ("another hidden size", "freed memory")])
def test_a_stream_checks_its_parameters(change: str):
    with pytest.raises(KeepgateError):
        LAYERS[change][0]().stream(2)


def test_parameters_of_a_functional_call():
    with pytest.raises(ShapeError, match=r"expected weight_hh_l0 .* got \(1, 1\)"):
        functional_call(lstm(), {"weight_hh_l0": torch.zeros(1, 1)}, (X,))


def test_a_bias_of_one_number_is_that_of_all_units():
    layer, plain = lstm(), lstm()
    layer.bias_ih_l0, plain.bias_ih_l0 = nn.Parameter(torch.tensor([0.3])), nn.Parameter(torch.full((16,), 0.3))
    for one in (layer, plain):
        one(X)[0].square().sum().backward()
    assert_close("gradient", layer.bias_ih_l0.grad, plain.bias_ih_l0.grad.sum(0, keepdim=True))
    assert_close("gradient", layer.weight_hh_l0.grad, plain.weight_hh_l0.grad)


# What is another tensor in memory, and what it means.
LAZY: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "negated view": (torch._neg_view, torch.neg),
    "imaginary part of a conjugate": (lambda x: torch.complex(x, x).conj().imag, torch.neg),
    "zero tensor": (lambda x: torch._efficientzerotensor(x.shape), torch.zeros_like),
    "part of a zero tensor": (lambda x: torch._efficientzerotensor((2, *x.shape))[1], torch.zeros_like),
    "expanded": (lambda x: x[:, :, :1].expand(x.shape), lambda x: x[:, :, :1].repeat(1, 1, x.shape[2])),
}


@pytest.mark.parametrize("kind", LAZY)
def test_lazy_tensors_are_what_they_mean(kind: str):
    odd, plain = (of(X) for of in LAZY[kind])
    assert torch.equal(lstm()(odd)[0], lstm()(plain)[0])
    assert torch.equal(lstm().stream(2).step(odd[0]), lstm().stream(2).step(plain[0]))
    state = odd[:1, :, [0, 1, 2, 0]], odd[1:2, :, [0, 1, 2, 0]]
    wanted = plain[:1, :, [0, 1, 2, 0]], plain[1:2, :, [0, 1, 2, 0]]
    assert torch.equal(lstm()(X, state)[0], lstm()(X, wanted)[0])
    targets, lengths = torch.tensor([[1, 2], [2, 1]]), torch.tensor([5, 5])
    losses = [ctc_loss_from_logits(x, targets, lengths, torch.tensor([2, 2])) for x in (odd, plain)]
    assert torch.equal(*losses)
    crf = LinearChainCRF(3)
    assert torch.equal(crf.decode(odd), crf.decode(plain))


def test_a_negated_cotangent():
    found = []
    for cotangent in (torch._neg_view(torch.ones(5, 2, 4)), -torch.ones(5, 2, 4)):
        layer = lstm()
        layer(X)[0].backward(cotangent)
        found.append(layer.weight_hh_l0.grad)
    assert torch.equal(*found)


def parameters(**others: Any) -> dict[str, Any]:
    named = dict(zip(NAMES, (p.detach() for p in lstm().parameters()), strict=True))
    return {name: value for name, value in (named | others).items() if value is not ...}


def arguments(**others: Any) -> Arguments:
    return Arguments(**({"x": X, "state": {"h": torch.zeros(2, 4), "c": torch.zeros(2, 4)}} | others))


SCANS: dict[str, tuple[Callable[[], Any], str]] = {
    "a short weight": (lambda: (parameters(weight_hh=torch.zeros(1, 1)), arguments()), "expected weight_hh of shape"),
    "no weight": (lambda: (parameters(weight_hh=...), arguments()), "expected weight_hh of shape .*, got none"),
    "an unknown weight": (lambda: (parameters(weight_xx=X), arguments()), "no parameter 'weight_xx'"),
    "a state of another width": (
        lambda: (parameters(), arguments(state={"h": torch.zeros(2, 4), "c": torch.zeros(2, 3)})),
        r"expected state c of shape \(2, 4\)",
    ),
    "a state too few": (lambda: (parameters(), arguments(state={"h": torch.zeros(2, 4)})), "takes the states h, c"),
    "a state that is a list": (
        lambda: (parameters(), arguments(state={"h": [0.0], "c": [0.0]})),
        "state h as a tensor",
    ),
    "lengths beyond the end": (lambda: (parameters(), arguments(lengths=torch.tensor([9, 9]))), "from 0 to T=5"),
    "lengths of other rows": (lambda: (parameters(), arguments(lengths=torch.tensor([1]))), r"lengths of shape \(2,\)"),
    "a reset of other steps": (
        lambda: (parameters(), arguments(reset=torch.zeros(4, 2, dtype=torch.bool))),
        r"reset of shape \(5, 2\)",
    ),
    "x of two dimensions": (lambda: (parameters(), arguments(x=X[0])), r"expected x \[T, B, I\]"),
    "x of integers": (lambda: (parameters(), arguments(x=X.long())), r"expected x \[T, B, I\] of floating point"),
    "x that is a list": (lambda: (parameters(), arguments(x=[1.0])), "expected x as a tensor, got list"),
    "a step input too many": (lambda: (parameters(), arguments(step_inputs={"t": X})), "takes the step inputs none"),
}


@pytest.mark.parametrize("backend", ["native", "reference", "auto"])
@pytest.mark.parametrize("mistake", SCANS)
def test_scan_checks_its_arguments(mistake: str, backend: str):
    make, message = SCANS[mistake]
    with pytest.raises(InputError, match=message):
        scan(get("lstm").equations, *make(), backend=backend)


def operator(name: str, tensors: Any, *first: Any, **others: Any) -> Any:
    what = {"seed": None, "text": text_of(get("lstm").equations), "names": NAMES, "reverse": False, "record": ["h"]}
    return getattr(torch.ops.keepgate, name)(list(tensors), *first, *(what | others).values())


def tensors(*lengths: int, **others: Any) -> list[Any]:
    """Lengths, reset, x, states and parameters, as an operator takes them."""
    return [
        torch.tensor(lengths) if lengths else None,
        None,
        X,
        *[torch.zeros(2, 4)] * 2,
        *parameters(**others).values(),
    ]


OPERATORS: dict[str, tuple[Callable[[], Any], str]] = {
    "networks of which there is one": (lambda: operator("scan", tensors(), [9], False), r"expected x \[9, T, B, I\]"),
    "two populations": (lambda: operator("scan", tensors(), [1, 1], False), "networks are none, or how many"),
    "a short weight": (lambda: operator("scan", tensors(weight_hh=torch.zeros(1, 1)), [], False), "weight_hh of shape"),
    "names in another order": (
        lambda: operator("scan", tensors(), [], False, names=("weight_hh", "weight_ih", "bias_ih", "bias_hh")),
        "expected weight_",
    ),
    "a name twice": (
        lambda: operator("scan", tensors(), [], False, names=(*NAMES[:3], "bias_ih")),
        "each parameter once",
    ),
    "a tensor too few": (lambda: operator("scan", tensors()[:-1], [], False), "takes the tensors"),
    "no x": (lambda: operator("scan", [None, None, None, *tensors()[3:]], [], False), "takes the tensors"),
    "a record that is no state": (lambda: operator("scan", tensors(), [], False, record=["q"]), "states to record"),
    "lengths beyond the end": (lambda: operator("scan", tensors(9, 9), [], False), "from 0 to T=5"),
    "no equations": (lambda: operator("scan", tensors(), [], False, text="{}"), "the equations in the model file are"),
    "no JSON": (lambda: operator("scan", tensors(), [], False, text="{"), "not JSON"),
    "a seed of two": (lambda: operator("scan", tensors(), [], False, seed=torch.tensor([1, 2])), "seed of one integer"),
    "a gradient of nothing": (lambda: operator("scan_gradient", tensors(), [], 9), "stored tensors"),
    "a gradient with a count of its own": (lambda: operator("scan_gradient", tensors(), [], 99), "count is how many"),
    "lengths of a gradient": (lambda: operator("scan_gradient", tensors(9, 9), [], 9), "from 0 to T=5"),
}


@pytest.mark.parametrize("mistake", OPERATORS)
def test_operators_check_what_an_exported_program_gives(mistake: str):
    call, message = OPERATORS[mistake]
    with pytest.raises(KeepgateError, match=message):
        call()


def test_stored_tensors_of_another_shape():
    results = operator("scan", tensors(), [], True)
    stored = results[2:]
    cotangents = [torch.ones(5, 2, 4), None, None]
    gradients = operator("scan_gradient", [*tensors(), *stored, *cotangents], [], 9)
    layer = lstm()
    layer(X)[0].sum().backward()
    assert_close("gradient", gradients[4], layer.weight_hh_l0.grad)
    with pytest.raises(InputError, match=r"expected stored tensors 0 of shape \(6, 2, 4\)"):
        operator("scan_gradient", [*tensors(), stored[0][:1], *stored[1:], *cotangents], [], 9)
    with pytest.raises(InputError, match=r"expected cotangents 0 of shape \(5, 2, 4\)"):
        operator("scan_gradient", [*tensors(), *stored, torch.ones(1), None, None], [], 9)


def test_lengths_of_every_kind():
    wanted = lstm()(X, lengths=[5, 3])[0]
    for dtype in (torch.uint8, torch.int16, torch.uint32, torch.uint64):
        assert torch.equal(lstm()(X, lengths=torch.tensor([5, 3]).to(dtype))[0], wanted)
    assert lstm()(X[:, :0], lengths=[])[0].shape == (5, 0, 4)
    for wrong in (
        torch.tensor([5, 3]) * 1j,
        "53",
        [2**70, 1],
        torch.tensor([5, 3], device="meta"),
        [[5], [3, 2]],
        SPARSE,
    ):
        with pytest.raises(InputError, match="lengths"):
            lstm()(X, lengths=wrong)


SPARSE = torch.tensor([5, 3]).to_sparse()


def test_resets_of_every_kind():
    rows = [[step == 2, False] for step in range(5)]
    assert torch.equal(lstm()(X, reset=rows)[0], lstm()(X, reset=torch.tensor(rows))[0])
    with pytest.raises(ShapeError, match="expected reset on cpu, as the input; got one on meta"):
        lstm()(X, reset=torch.zeros(5, 2, dtype=torch.bool, device="meta"))
    for wrong in ("yes", torch.tensor(rows).to_sparse(), rows[1:]):
        with pytest.raises(InputError, match="reset"):
            lstm()(X, reset=wrong)


@pytest.mark.parametrize("batch", [2**62, 2**31, 0, 1.5, "2"])
def test_rows_of_a_stream(batch: Any):
    with pytest.raises(InputError, match=r"^batch "):
        lstm().stream(batch)


def test_what_a_stream_is_given():
    stream = lstm().stream(2)
    for wrong in (X[0].double(), X[0, :1], X[0].to("meta"), X[0].to_sparse(), [0.0] * 6):
        with pytest.raises(InputError, match="expected x"):
            stream.step(wrong)
    for output in (torch.zeros(2, 8)[:, ::2], torch._neg_view(torch.zeros(2, 4))):
        with pytest.raises(InputError, match="output"):
            stream.step(X[0], output)
    for state in (torch.zeros(1, 2, 4), (torch.zeros(1, 2, 4), torch.zeros(1, 2, 3)), (1.0, 2.0)):
        with pytest.raises(InputError, match="state"):
            stream.state = state
    for rows in ([7], [True], "all", [[0.5]]):
        with pytest.raises(InputError, match="rows are a mask"):
            stream.reset(rows)


@pytest.mark.parametrize(
    "call",
    [
        lambda: beam_search(X.log_softmax(-1), beam=2**31),
        lambda: beam_search(X.log_softmax(-1), beam="2"),
        lambda: beam_search(X.log_softmax(-1), weight="1"),
        lambda: beam_search("scores"),
        lambda: beam_search(X.log_softmax(-1), [2**70, 1]),
        lambda: ctc_loss_from_logits([1.0], [[1]], [1], [1]),
        lambda: ctc_loss_from_logits(X, "text", [5, 5], [1, 1]),
        lambda: ctc_loss_from_logits(X, [[1], [2]], [5j, 5], [1, 1]),
        lambda: ctc_loss_from_logits(X.to_sparse(), [[1], [2]], [5, 5], [1, 1]),
        lambda: ctc_loss_from_logits(X, [[1], [2]], [5, 5], [1, 1], blank="0"),
        lambda: LinearChainCRF(2**40),
        lambda: LinearChainCRF(3)(X, "tags"),
        lambda: LinearChainCRF(3)("emissions", [[1]]),
        lambda: LinearChainCRF(3).half()(X, torch.zeros(5, 2, dtype=torch.long)),
        lambda: LSTM(3, 2**40),
        lambda: LSTM(2**24, 2**24),
        lambda: LSTM(3, 4, 10**9),
        lambda: lstm()(X, "state"),
        lambda: lstm()("input"),
    ],
)
def test_bad_input_raises_one_kind_of_error(call: Callable[[], Any]):
    with pytest.raises(KeepgateError) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_wrong_type_is_a_type_error_too():
    with pytest.raises(TypeError) as raised:
        lstm()("input")
    assert isinstance(raised.value, KindError)


class Gained(Cell):
    """All states are projected, and no affine map has hidden units."""

    def step(self, x, last):
        return self.State(h=tanh(vector("gain", 0.5) * step_input("drive", "hidden")))


class Sized(Cell):
    """Only a number says how many hidden units there are."""

    state = ("m",)

    def step(self, x, last):
        return self.State(m=sigmoid(affine("m", x, last.m)) * (1 / size("hidden")))


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_a_cell_whose_states_all_are_projected(backend: str):
    layer = Recurrent(projected(Gained(), 2), 3, 4, backend=backend)
    drive = torch.linspace(-1, 1, 40).reshape(5, 2, 4)
    output, _ = layer(X, step_inputs={"drive": drive})
    assert_close("output", output, torch.tanh(layer.gain_l0.detach() * drive) @ layer.weight_hr_l0.T.detach())


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_a_hidden_size_that_no_tensor_shows(backend: str):
    cell = projected(Sized(), 2)
    layer = Recurrent(cell, 3, 4, backend=backend)
    output, _ = layer(X)
    assert output.shape == (5, 2, 2)
