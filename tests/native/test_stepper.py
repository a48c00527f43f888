"""One step at a time: the bits of the whole sequence, for every cell, and refusals that say what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from conformance.cells import CELLS
from keepgate.errors import BackendError, InputError
from keepgate.native import Stepper
from keepgate.nn import LSTM
from keepgate.scan import ENGINES, engines
from keepgate.scan.arguments import widths
from keepgate.testing.problems import Setting, problem

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

ODD = Setting(steps=7, batch=5, inputs=3, hidden=17)
WIDE = Setting(steps=3, batch=2, inputs=40, hidden=1100, dtype=torch.float32)  # worth several threads


def stepped(name: str, setting: Setting) -> None:
    """Compare the steps of a stepper with the whole sequence, byte for byte, states and outputs."""
    tried = problem(f"stepper, {name}", CELLS[name].equations, setting)
    a = tried.arguments
    with torch.no_grad():
        whole = ENGINES["native"].run(tried.equations, tried.parameters, a)
    hidden = widths(tried.equations, tried.parameters, a)["hidden"]
    parameters = {key: value.detach().numpy() for key, value in tried.parameters.items()}
    dtype = str(setting.dtype).removeprefix("torch.")
    stepper = Stepper(tried.equations, setting.inputs, hidden, parameters, setting.batch, dtype)
    stepper.state = {key: value.detach().numpy() for key, value in a.state.items()}
    for t in range(setting.steps):
        given = {key: value[t].detach() for key, value in a.step_inputs.items()}
        output = stepper.step(a.x[t].detach().numpy(), step_inputs=given)
        assert output.tobytes() == whole.recorded[a.record[0]][t].contiguous().numpy().tobytes(), t
    for key, value in stepper.state.items():
        assert value.tobytes() == whole.state[key].contiguous().numpy().tobytes(), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 5, 30])
@pytest.mark.parametrize("name", CELLS)
def test_the_bits_of_the_whole_sequence(name: str, batch: int, dtype: torch.dtype):
    stepped(name, replace(ODD, batch=batch, dtype=dtype))


@pytest.mark.parametrize("threads", ["1", "2", "3"])
@pytest.mark.parametrize("name", ["lstm", "gru_cho", "layer_norm(lstm)"])
def test_any_number_of_threads(name: str, threads: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPGATE_THREADS", threads)
    stepped(name, WIDE)


@pytest.fixture
def stepper() -> Stepper:
    layer = LSTM(3, 5)
    return Stepper(layer.equations, 3, 5, {k: v.detach().numpy() for k, v in layer.parameters_of(0).items()}, 4)


def test_rows_that_begin_anew(stepper: Stepper):
    x = np.random.default_rng(0).standard_normal((4, 3), np.float32)
    first = stepper.step(x).copy()
    second = stepper.step(x)
    stepper.reset([1, 3])
    third = stepper.step(x)
    assert np.array_equal(third[[1, 3]], first[[1, 3]])
    assert not np.array_equal(third[[0, 2]], first[[0, 2]])
    stepper.reset(np.array([True, False, False, False]))
    assert not stepper.state["c"][0].any()
    assert stepper.state["c"][2].any()
    stepper.reset()
    assert np.array_equal(stepper.step(x), first)
    assert np.array_equal(stepper.step(x), second)


def test_weights_are_those_of_the_beginning():
    layer = LSTM(3, 5)
    stream, x = layer.stream(), torch.randn(1, 3)
    before = stream.step(x)
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
    stream.reset()
    assert torch.equal(stream.step(x), before)
    assert not torch.equal(layer.stream().step(x), before)


def test_an_array_that_is_given_is_written(stepper: Stepper):
    x, output = torch.randn(4, 3), torch.full((4, 5), torch.nan)
    assert stepper.step(x, output) is output
    assert output.isfinite().all()


def test_one_row_needs_no_axis():
    layer = LSTM(3, 5)
    stepper = Stepper(layer.equations, 3, 5, {k: v.detach().numpy() for k, v in layer.parameters_of(0).items()})
    assert stepper.step(np.zeros(3, np.float32)).shape == (5,)


WRONG = {
    "shape": (np.zeros((4, 2), np.float32), None),
    "batch": (np.zeros((3, 3), np.float32), None),
    "dtype": (np.zeros((4, 3)), None),
    "dense": (np.zeros((3, 4), np.float32).T, None),
    "output": (np.zeros((4, 3), np.float32), np.zeros((4, 4), np.float32)),
    "frozen": (np.zeros((4, 3), np.float32), np.broadcast_to(np.float32(0), (4, 5))),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit(stepper: Stepper, wrong: str):
    with pytest.raises(InputError, match=r"float32 arrays on the CPU, x \(4, 3\), output \(4, 5\); got"):
        stepper.step(*WRONG[wrong])


def test_refusals(stepper: Stepper):
    equations = LSTM(3, 5).equations
    with pytest.raises(InputError, match=r"weight_ih of shape .* is missing"):
        Stepper(equations, 3, 5, {})
    with pytest.raises(InputError, match=r"weight_ih has shape \(1, 1\)"):
        Stepper(equations, 3, 5, {"weight_ih": np.zeros((1, 1))})
    with pytest.raises(InputError, match="float32 or float64"):
        Stepper(equations, 3, 5, {}, dtype="int8")
    with pytest.raises(InputError, match="batch must be at least 1"):
        Stepper(equations, 3, 5, {}, batch=0)
    with pytest.raises(InputError, match="the states h, c, not d"):
        stepper.state = {"d": np.zeros((4, 5))}
    with pytest.raises(InputError, match="state h has shape"):
        stepper.state = {"h": np.zeros((5, 4))}
    with pytest.raises(InputError, match="step inputs none; got elapsed"):
        stepper.step(np.zeros((4, 3), np.float32), step_inputs={"elapsed": np.zeros((4, 1), np.float32)})
    with pytest.raises(BackendError, match="bidirectional"):
        LSTM(3, 5, bidirectional=True).stream()
    with pytest.raises(BackendError, match="float16"):
        LSTM(3, 5, dtype=torch.float16).stream()
