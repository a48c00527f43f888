"""Recomputation changes no bit, and takes less memory; both engines that can."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from conformance.cells import CELLS
from keepgate.errors import BackendError
from keepgate.nn import GRU, LSTM, RNN, Recurrent
from keepgate.scan import ENGINES, buffers, engines
from keepgate.testing.engines import differentiate
from keepgate.testing.problems import Setting, problem

LENGTHS = (3, 23, 0, 11, 20)
SETTINGS = {
    "plain": Setting(steps=23, batch=5),
    "all": Setting(steps=23, batch=5, lengths=LENGTHS, resets=True, seed=3),
    "reverse": Setting(steps=23, batch=5, lengths=LENGTHS, reverse=True, seed=3, dtype=torch.float32),
    "reverse, resets": Setting(steps=24, batch=2, resets=True, reverse=True, seed=3, padding=None),
    "reverse, all": Setting(steps=24, batch=5, lengths=LENGTHS, reverse=True, resets=True, dtype=torch.float32),
    "one step": Setting(steps=1),
    "no step": Setting(steps=0, lengths=(0, 0, 0)),
    "no row": Setting(steps=9, batch=0),
}

needs_native = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch):
    """Segments of four steps; else they have as many as the core multiplies at once."""
    monkeypatch.setattr(buffers, "SEGMENT_ROWS", 1)


def bits(values: dict[str, Tensor]) -> dict[str, bytes]:
    return {name: value.detach().numpy().tobytes() for name, value in values.items()}


@needs_native
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_bits(cell: str, setting: str):
    check("native", cell, SETTINGS[setting])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("cell", ["lstm", "everything"])
def test_the_reference_too(cell: str, setting: str):
    check("reference", cell, SETTINGS[setting])


def check(engine: str, cell: str, setting: Setting) -> None:
    plain = problem(cell, CELLS[cell].equations, setting)
    again = replace(plain, arguments=replace(plain.arguments, recompute=True))
    wanted, got = (differentiate(ENGINES[engine].run, p) for p in (plain, again))
    assert bits({"output": got.output}) == bits({"output": wanted.output})
    assert bits(got.final) == bits(wanted.final)
    assert bits(got.gradients) == bits(wanted.gradients)


LAYERS = {
    "zoneout": lambda **o: LSTM(3, 5, cell="zoneout(lstm, 0.3)", **o),
    "two layers, both ways, dropout": lambda **o: LSTM(3, 5, 2, dropout=0.5, bidirectional=True, **o),
    "GRU": lambda **o: GRU(3, 5, **o),
    "RNN": lambda **o: RNN(3, 5, nonlinearity="relu", **o),
    "projected": lambda **o: Recurrent("layer_norm(lstm)", 3, 5, proj_size=2, **o),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer: str, threads: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPGATE_THREADS", str(threads))

    def run(recompute: bool) -> dict[str, bytes]:
        torch.manual_seed(0)
        made = LAYERS[layer](recompute=recompute)
        x = torch.randn(40, 30, 3, requires_grad=True)
        output, state = made(x, lengths=torch.arange(30) + 11, reset=torch.rand(40, 30) < 0.1)
        state = state[-1] if isinstance(state, tuple) else state
        ((output**2).sum() + state.sum()).backward()
        return bits({"output": output, "x": x.grad} | {k: p.grad for k, p in made.named_parameters()})

    assert run(True) == run(False)


@needs_native
def test_it_does_keep_less():
    """What autograd holds between the passes: no state of every step, but for the output."""

    def held(recompute: bool) -> int:
        sizes: list[int] = []
        torch.manual_seed(0)
        layer = LSTM(3, 5, recompute=recompute, backend="native")
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            layer(torch.randn(400, 2, 3))
        return sum(sizes) - 400 * 2 * 3

    whole, less = held(False), held(True)
    assert whole > 400 * 2 * 5 * 6  # states and what the gates were
    assert less < whole / 8


@needs_native
@pytest.mark.parametrize("transform", ["gradient", "population", "gradient of gradient"])
def test_transforms(transform: str):
    def run(recompute: bool) -> list[Tensor]:
        torch.manual_seed(0)
        layer = LSTM(3, 5, recompute=recompute, dtype=torch.float64, backend="native")
        weights = {name: value.detach() for name, value in layer.named_parameters()}
        many = {name: torch.stack([value, 2 * value]) for name, value in weights.items()}
        x = torch.randn(19, 2, 3, dtype=torch.float64)

        def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(layer, parameters, (x,))[0].square().sum()

        if transform == "population":
            return list(vmap(grad(loss), (0, None))(many, x).values())
        if transform == "gradient":
            return list(grad(loss)(weights, x).values())
        return [grad(lambda x: grad(loss, 1)(weights, x).square().sum())(x)]

    for got, wanted in zip(run(True), run(False), strict=True):
        assert torch.equal(got, wanted)


def test_the_reference_refuses_transforms():
    layer = LSTM(3, 5, recompute=True, backend="reference")
    with pytest.raises(BackendError, match=r"recompute=False"):
        grad(lambda x: layer(x)[0].sum())(torch.randn(9, 2, 3))
