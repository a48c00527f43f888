"""Long sequences, many rows, nothing at all, and numbers that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from conformance.cells import CELLS
from keepgate.native import engine
from keepgate.nn import LSTM
from keepgate.scan import ENGINES, engines
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_close

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

INPUTS, LONG = 2, 70_000


def run(layer, steps: int, batch: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return output, final state and all gradients of an LSTM layer on random numbers."""
    torch.manual_seed(1)
    hidden = layer.hidden_size
    shapes = {"x": (steps, batch, INPUTS), "h": (1, batch, hidden), "c": (1, batch, hidden)}
    leaves = {name: torch.randn(shape, dtype=dtype).requires_grad_() for name, shape in shapes.items()}
    output, state = layer(leaves["x"], (leaves["h"], leaves["c"]))
    results = {"output": output, "final h": state[0], "final c": state[1]}
    loss = sum((value * torch.randn_like(value)).sum() for value in results.values())
    leaves |= dict(layer.named_parameters())
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    results |= {f"gradient of {name}": value for name, value in zip(leaves, gradients, strict=True)}
    return {name: value.detach() for name, value in results.items()}


class InWindows(nn.Module):
    """A layer that is given a long sequence in parts, each with the state where the last one ended."""

    def __init__(self, layer: LSTM, size: int) -> None:
        super().__init__()
        self.layer, self.size, self.hidden_size = layer, size, layer.hidden_size

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        outputs = []
        for part in x.split(self.size):
            output, state = self.layer(part, state)
            outputs.append(output)
        return torch.cat(outputs), state


SIZES = [
    (300, 230, 17),
    (1, LONG, 3),
    *(pytest.param(LONG, 1, hidden, marks=pytest.mark.slow) for hidden in (1, 3, 17, 65)),
    pytest.param(1100, 64, 65, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("steps", "batch", "hidden"), SIZES)
def test_as_torch(steps: int, batch: int, hidden: int):
    torch.manual_seed(0)
    theirs = nn.LSTM(INPUTS, hidden, dtype=torch.float64)
    ours = LSTM(INPUTS, hidden, dtype=torch.float64, backend="native")
    ours.load_state_dict(theirs.state_dict())
    got, wanted = (run(layer, steps, batch, torch.float64) for layer in (ours, theirs))
    for name, value in got.items():
        assert_close(name, value, wanted[name])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hidden", [1, 3, 17, 65])
def test_a_long_sequence_is_its_windows(hidden: int, dtype: torch.dtype):
    """Values and the gradients of each step have the same bits; only the weights' sums are cut otherwise."""
    torch.manual_seed(0)
    layer = LSTM(INPUTS, hidden, dtype=dtype, backend="native")
    got, wanted = (run(module, LONG, 1, dtype) for module in (layer, InWindows(layer, 1000)))
    for name, right in zip(got, wanted.values(), strict=True):
        if "_l0" in name:
            assert_close(name, got[name], right)
        else:
            assert torch.equal(got[name], right), name


EMPTY = {
    "no step": Setting(steps=0, hidden=17),
    "no row": Setting(batch=0, hidden=17),
    "neither": Setting(steps=0, batch=0),
    "no row, reverse, resets": Setting(batch=0, reverse=True, resets=True),
    "no step, reverse, resets": Setting(steps=0, reverse=True, resets=True),
    "no row, lengths": Setting(batch=0, lengths=()),
    "lengths of zero": Setting(batch=3, lengths=(0, 0, 0)),
    "lengths of zero, reverse": Setting(batch=3, lengths=(0, 0, 0), reverse=True, resets=True),
}


@pytest.mark.parametrize("setting", EMPTY)
@pytest.mark.parametrize("cell", ["lstm", "everything"])
def test_nothing_to_do(cell: str, setting: str, monkeypatch: pytest.MonkeyPatch):
    """States pass through, and so do their cotangents; nothing else has a gradient."""
    monkeypatch.setenv("KEEPGATE_THREADS", "3")
    tried = problem(f"{cell}, {setting}", CELLS[cell].equations, EMPTY[setting])
    got = differentiate(ENGINES["native"].run, tried)
    assert not got.output.any()
    for name, state in tried.arguments.state.items():
        assert torch.equal(got.final[name], state)
        assert torch.equal(got.gradients.pop(f"initial {name}"), tried.d_final[name])
    for name, value in got.gradients.items():
        assert not value.any(), name


@pytest.mark.parametrize("rows", [2**59, 2**61, 2**62, 2**63 - 1])
def test_no_memory_holds_so_many_rows(rows: int):
    """The core itself, whose sizes must not wrap round to small ones."""
    made = engine.engine(CELLS["lstm"].equations, 3, 5)
    parameters = {name: value.detach().numpy() for name, value in LSTM(3, 5).parameters_of(0).items()}
    with pytest.raises(MemoryError):
        engine.stepper(made, False, parameters, rows, "full")


@pytest.mark.parametrize("count", [2**60, 2**63, 2**64 - 1])
def test_no_memory_holds_so_many_bytes(count: int):
    with pytest.raises(MemoryError):
        engine._core.empty([count], False)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, 1e38])
@pytest.mark.parametrize("cell", CELLS)
def test_weights_that_are_no_numbers(cell: str, bad: float):
    """Whatever the weights hold, a scan ends, and rows past their length stay as they are."""
    setting = Setting(steps=5, batch=4, hidden=17, lengths=(5, 0, 2, 3), dtype=torch.float32)
    tried = problem(f"{cell}, {bad}", CELLS[cell].equations, setting)
    spoilt = {name: torch.full_like(value, bad) for name, value in tried.parameters.items()}
    got = differentiate(ENGINES["native"].run, replace(tried, parameters=spoilt))
    assert not got.output[:, 1].any()
    assert not got.gradients["x"][:, 1].any()
    for name, state in tried.arguments.state.items():
        assert torch.equal(got.final[name][1], state[1])
    if bad != bad:
        assert got.output[0, 0].isnan().any()
