"""A call of one step has the bits of the same step in a longer call, whichever way the core takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from keepgate.nn import LSTM, Recurrent
from keepgate.scan import engines

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

LAYERS: dict[str, Any] = {
    "one": lambda: LSTM(3, 5),
    "deep": lambda: LSTM(3, 5, num_layers=3),
    "without biases": lambda: LSTM(17, 33, bias=False),
    "two directions": lambda: LSTM(3, 5, num_layers=2, bidirectional=True),
    "projected": lambda: LSTM(3, 5, num_layers=2, proj_size=2),
    "of vectors": lambda: LSTM(3, 5, cell="peephole_lstm"),
    "of one state": lambda: Recurrent("gru", 3, 65),
    "in double precision": lambda: LSTM(3, 5, num_layers=2, dtype=torch.float64),
    "too large": lambda: LSTM(300, 300),
}


def parts(result: tuple[Any, ...]) -> tuple[Tensor, ...]:
    output, state = result
    return output, *(state if isinstance(state, tuple) else (state,))


@pytest.mark.parametrize("batch", [0, 1, 2, 7])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_has_the_bits_of_one_that_keeps_a_gradient(kind: str, batch: int, frozen: bool):
    torch.manual_seed(0)
    layer, state = LAYERS[kind](), None
    run = layer.frozen() if frozen else layer
    for x in torch.randn(4, 1, batch, layer.input_size, dtype=next(layer.parameters()).dtype):
        right = parts(layer(x, state))
        with torch.no_grad():
            output, state = run(x, state)
        assert all(torch.equal(a, b) for a, b in zip(parts((output, state)), right, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind != "two directions"])
def test_steps_are_a_sequence(kind: str):
    torch.manual_seed(0)
    layer, state, outputs = LAYERS[kind](), None, []
    xs = torch.randn(4, 2, layer.input_size, dtype=next(layer.parameters()).dtype)
    with torch.no_grad():
        for x in xs:
            output, state = layer(x[None], state)
            outputs.append(output)
        right = parts(layer(xs))
    assert all(torch.equal(a, b) for a, b in zip(parts((torch.cat(outputs), state)), right, strict=True))


def test_weights_of_now_and_not_of_the_last_step():
    torch.manual_seed(0)
    layer, x = LSTM(3, 5), torch.randn(1, 2, 3)
    with torch.no_grad():
        before = layer(x)[0]
        layer.weight_hh_l0.data.numpy()[:] *= 2  # what no version tells
        layer.bias_ih_l0.data.numpy()[0] += 1
        after, right = layer(x)[0], layer(torch.cat([x, x]))[0][:1]
    assert torch.equal(after, right)
    assert not torch.equal(after, before)


def test_several_threads_at_once():
    torch.manual_seed(0)
    layer, xs = LSTM(8, 16, num_layers=2), torch.randn(8, 1, 1, 8)
    with torch.no_grad():
        right = [layer(x)[0] for x in xs]

    def run(number: int) -> bool:
        with torch.no_grad():
            return all(torch.equal(layer(xs[number])[0], right[number]) for _ in range(300))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(8)))


def test_results_are_the_callers():
    """What a call gives is not written again by the next one, and outlives the layer."""
    torch.manual_seed(0)
    layer, x = LSTM(3, 5), torch.randn(1, 2, 3)
    with torch.no_grad():
        output, (h, c) = layer(x)
        kept = output.clone(), h.clone(), c.clone()
        for _ in range(3):
            layer(x * 2, (h, c))
    del layer
    assert all(torch.equal(a, b) for a, b in zip((output, h, c), kept, strict=True))
