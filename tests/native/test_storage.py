"""Weights in fewer bits: bfloat16 gives the bits that the rounded weights have in float32; 8-bit integers are
multiplied as integers, which a second derivation in NumPy does too; rounding is as torch's and NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate.errors import BackendError, InputError
from keepgate.native import Stepper
from keepgate.nn import GRU, LSTM
from keepgate.scan import engines, native
from keepgate.scan.arguments import Arguments

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

ODD = [0.0, -0.0, 1e-45, -1e-40, 3.3895e38, 3.4e38, -3.4e38, 1.00390625, 1.01171875, 1 / 3]
NO_NUMBERS = [float("inf"), float("-inf"), float("nan")]


def bfloat16(weight: np.ndarray) -> np.ndarray:
    """Round as torch does: to nearest, ties to even."""
    return torch.from_numpy(weight).bfloat16().float().numpy()


def int8(weight: np.ndarray) -> np.ndarray:
    """Round each row to -127 to 127 times its largest over 127; a row with what is no number is NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.abs(weight).max(1, keepdims=True) / np.float32(127)
        rounded = np.clip(np.rint(weight / scale), -127, 127)
        rounded = np.where(scale > 0, rounded, 0) * np.where(np.isfinite(scale), scale, np.float32(np.nan))
    return rounded.astype(np.float32)


ROUND = {"bfloat16": bfloat16, "int8": int8}


def integers(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows [B, K] as integers of -127 to 127, and the scale of each, [B, 1]."""
    largest = np.abs(rows).max(1, keepdims=True)
    return np.rint(rows * (np.float32(127) / largest)).astype(np.int64), largest / np.float32(127)


def product(rows: np.ndarray, weight: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return start + rows weight^T, by integers: each sum is exact, then a float32, and multiplied by both scales."""
    w_scale = np.abs(weight).max(1, keepdims=True) / np.float32(127)
    w, (q, scale) = np.rint(weight / w_scale).astype(np.int64), integers(rows)
    sums = (q @ w.T).astype(np.float32).astype(np.float64)
    return (start + sums * (scale * w_scale.T)).astype(np.float32)  # fused: rounded once


def lstm_step(values: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the next h of an LSTM whose products are those of `product`."""
    z = np.broadcast_to(values["bias_ih"] + values["bias_hh"], (len(x), len(values["bias_ih"])))
    z = product(h, values["weight_hh"], product(x, values["weight_ih"], z)).astype(np.float64)
    i, f, g, o = np.split(z, 4, axis=1)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    return sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(g))


def parameters(inputs: int, hidden: int) -> dict[str, np.ndarray]:
    torch.manual_seed(hidden)
    return {name: value.detach().numpy().copy() for name, value in LSTM(inputs, hidden).parameters_of(0).items()}


def rounded(values: dict[str, np.ndarray], storage: str) -> dict[str, np.ndarray]:
    return {n: ROUND[storage](v) if n.startswith("weight_") else v for n, v in values.items()}


def steps(values: dict[str, np.ndarray], x: np.ndarray, hidden: int, storage: str = "full") -> np.ndarray:
    stepper = Stepper(LSTM(x.shape[-1], hidden).equations, x.shape[-1], hidden, values, x.shape[1], storage=storage)
    return np.stack([stepper.step(one) for one in x])


@pytest.mark.parametrize("hidden", [1, 3, 17, 65])
@pytest.mark.parametrize("batch", [1, 5, 30])
def test_as_the_rounded_weights(batch: int, hidden: int):
    values, x = parameters(7, hidden), np.random.default_rng(0).standard_normal((4, batch, 7), np.float32)
    got, wanted = steps(values, x, hidden, "bfloat16"), steps(rounded(values, "bfloat16"), x, hidden)
    assert got.tobytes() == wanted.tobytes()
    assert got.tobytes() != steps(values, x, hidden).tobytes()


@pytest.mark.parametrize(("inputs", "hidden"), [(7, 1), (7, 3), (1, 17), (130, 65), (5, 300)])
@pytest.mark.parametrize("batch", [1, 2, 5, 30])
def test_as_integers(batch: int, inputs: int, hidden: int):
    """Every step from the states before it, which are the core's own: a last bit there may round otherwise here."""
    values, x = parameters(inputs, hidden), np.random.default_rng(0).standard_normal((5, batch, inputs), np.float32)
    stepper = Stepper(LSTM(inputs, hidden).equations, inputs, hidden, values, batch, storage="int8")
    stepper.state = {"h": np.full((batch, hidden), 0.25), "c": np.zeros((batch, hidden))}
    for one in x:
        state = stepper.state
        wanted = lstm_step(values, one, state["h"], state["c"].astype(np.float64))
        np.testing.assert_allclose(stepper.step(one), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 2, 30])
def test_a_row_of_integers_that_is_no_number(batch: int):
    """What is not finite makes its own row NaN, and no other; a row of zeros, or as good as that, is none."""
    values, x = parameters(7, 17), np.random.default_rng(1).standard_normal((1, batch, 7), np.float32)
    wanted = steps(values, x, 17, "int8")
    for number in NO_NUMBERS:
        x[0, -1, 3] = number
        got = steps(values, x, 17, "int8")
        assert np.isnan(got[0, -1]).all()
        assert np.array_equal(got[0, :-1], wanted[0, :-1])
    for number in (0.0, 1e-45, -1e-38):
        x[0, -1] = number
        assert np.array_equal(steps(values, x, 17, "int8")[0, -1], steps(values, 0 * x[:, -1:], 17)[0, 0])


def test_a_whole_sequence_of_integers():
    """The bits of the steps of a stream."""
    layer, x = LSTM(9, 33, backend="native"), torch.randn(6, 5, 9)
    stream = layer.stream(5, storage="int8")
    wanted = torch.stack([stream.step(one) for one in x])
    zeros = {name: torch.zeros(5, 33) for name in ("h", "c")}
    with torch.no_grad():
        result = native._scan(layer.equations, layer.parameters_of(0), Arguments(x, zeros, record=("h",)), "int8")
    assert torch.equal(result.recorded["h"], wanted)


@pytest.mark.parametrize("storage", ROUND)
@pytest.mark.parametrize("number", ODD + NO_NUMBERS)
def test_numbers_at_the_edge(number: float, storage: str):
    """One weight of one gate, alone and beside another, multiplied by one: read off the sum that it makes."""
    values = {name: np.zeros_like(value) for name, value in parameters(2, 1).items()}
    values["weight_ih"][2] = number, 0.5
    values["bias_ih"][[0, 3]] = 60.0
    for x in ([[[1.0, 0.0]]], [[[0.0, 1.0]]]):
        x = np.array(x, np.float32)
        got, wanted = steps(values, x, 1, storage), steps(rounded(values, storage), x, 1)
        np.testing.assert_allclose(got, wanted, rtol=0 if storage == "bfloat16" else 1e-6, atol=0)


@pytest.mark.parametrize("batch", [1, 2, 16])
@pytest.mark.parametrize("make", [LSTM, GRU])
def test_a_module_of_bfloat16(make: type[LSTM], batch: int):
    """Sums and states in float32 on the rounded weights; only what comes out is rounded."""
    layer = make(7, 33, num_layers=1, backend="native").bfloat16()
    single = make(7, 33, backend="native")
    single.load_state_dict({name: value.float() for name, value in layer.state_dict().items()})
    x = torch.randn(9, batch, 7).bfloat16()
    with torch.no_grad():
        got, final = layer(x)
        wanted, last = single(x.float())
    assert got.dtype == torch.bfloat16
    assert torch.equal(got, wanted.bfloat16())
    for one, other in zip(_tuple(final), _tuple(last), strict=True):
        assert torch.equal(one, other.bfloat16())
    stream = layer.stream(batch)
    assert torch.equal(torch.stack([stream.step(one.float()) for one in x]), wanted)


def test_a_module_of_float16():
    layer, x = LSTM(7, 33, backend="native").half(), torch.randn(9, 4, 7).half()
    single = LSTM(7, 33)
    single.load_state_dict({name: value.float() for name, value in layer.state_dict().items()})
    with torch.no_grad():
        assert torch.equal(layer(x)[0], single(x.float())[0].half())


def test_training_is_refused():
    x = torch.randn(3, 2, 7).bfloat16()
    with pytest.raises(BackendError, match=r"gradients in float32 and float64; in torch.bfloat16 it runs under"):
        LSTM(7, 5, backend="native").bfloat16()(x)
    LSTM(7, 5).bfloat16()(x)[0].float().sum().backward()  # auto: the reference


def test_an_unknown_storage_is_refused():
    for storage, dtype in (("int4", "float32"), ("int8", "float64")):
        with pytest.raises(InputError, match="storage is one of full, bfloat16, int8"):
            Stepper(LSTM(7, 5).equations, 7, 5, parameters(7, 5), dtype=dtype, storage=storage)


def _tuple(state):
    return state if isinstance(state, tuple) else (state,)
