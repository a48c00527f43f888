"""Dropout in the recurrence against the formulas of the papers, with the masks drawn again by NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from conformance.engines import HERE, PARTIAL, run
from keepgate import cells
from keepgate.equations import noise
from keepgate.errors import CellError, InputError
from keepgate.testing.problems import Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

SEED = 5
SETTING = Setting(steps=7, batch=3, inputs=4, hidden=5, seed=SEED)
ENGINES = [name for name in HERE if name not in PARTIAL]

Arrays = dict[str, np.ndarray]
Formula = Callable[[Arrays, np.ndarray, Arrays, Callable[..., np.ndarray]], Arrays]


def sigma(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm_gates(p: Arrays, x: np.ndarray, h: np.ndarray) -> list[np.ndarray]:
    net = x @ p["weight_ih"].T + p["bias_ih"] + h @ p["weight_hh"].T + p["bias_hh"]
    i, f, g, o = np.split(net, 4, -1)
    return [sigma(i), sigma(f), np.tanh(g), sigma(o)]


def recurrent(p: Arrays, x: np.ndarray, last: Arrays, mask: Callable[..., np.ndarray]) -> Arrays:
    """Semeniuta et al. 2016, equation 12: c(t) = f * c(t-1) + i * d(g)."""
    i, f, g, o = lstm_gates(p, x, last["h"])
    c = f * last["c"] + i * mask(0, g.shape, 0.25) * g
    return {"h": o * np.tanh(c), "c": c}


def recurrent_gru(p: Arrays, x: np.ndarray, last: Arrays, mask: Callable[..., np.ndarray]) -> Arrays:
    """The same for the GRU: h(t) = z * h(t-1) + (1 - z) * d(n)."""
    (wr, wz, wn), (ur, uz, un) = np.split(p["weight_ih"], 3), np.split(p["weight_hh"], 3)
    (br, bz, bn), (cr, cz, cn) = np.split(p["bias_ih"], 3), np.split(p["bias_hh"], 3)
    h = last["h"]
    r, z = sigma(x @ wr.T + br + h @ ur.T + cr), sigma(x @ wz.T + bz + h @ uz.T + cz)
    n = np.tanh(x @ wn.T + bn + r * (h @ un.T + cn))
    return {"h": (1 - z) * mask(0, n.shape, 0.25) * n + z * h}


def variational(p: Arrays, x: np.ndarray, last: Arrays, mask: Callable[..., np.ndarray]) -> Arrays:
    """Gal & Ghahramani 2016, equation 7: gates of x * z_x and h * z_h, one mask each for all gates."""
    h = mask(1, last["h"].shape, 0.5) * last["h"]
    i, f, g, o = lstm_gates(p, mask(0, x.shape, 0.2) * x, h)
    c = f * last["c"] + i * g
    return {"h": o * np.tanh(c), "c": c}


CASES: dict[str, tuple[str, Formula, bool]] = {
    "recurrent_dropout(lstm, 0.25)": ("lstm", recurrent, False),
    "recurrent_dropout(lstm, 0.25, 'sequence')": ("lstm", recurrent, True),
    "recurrent_dropout(gru, 0.25)": ("gru", recurrent_gru, False),
    "variational(lstm, {'x': 0.2, 'h': 0.5})": ("lstm", variational, True),
}


def walk(tried: Problem, formula: Formula, fixed: bool) -> tuple[np.ndarray, Arrays]:
    """Run a formula over time; a fixed mask is that of step 0."""
    p = {name: value.numpy() for name, value in tried.parameters.items()}
    state, outputs = {name: value.numpy() for name, value in tried.arguments.state.items()}, []
    for t, x in enumerate(tried.arguments.x.numpy()):

        def mask(stream: int, shape: tuple[int, int], rate: float, t: int = t) -> np.ndarray:
            kept = noise.bernoulli(noise.stream_key(SEED, stream), 0 if fixed else t, *shape, 1 - rate)
            return kept / (1 - rate)

        state = formula(p, x, state, mask)
        outputs.append(state["h"])
    return np.stack(outputs), state


@pytest.mark.parametrize("cell", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_training_is_the_paper_with_the_masks_drawn_again(engine: str, cell: str):
    _, formula, fixed = CASES[cell]
    tried = problem(cell, cells.get(cell).equations, SETTING)
    output, final = walk(tried, formula, fixed)
    got = run(engine, tried)
    assert_close("output", got.output, torch.tensor(output))
    assert_all_close("final", got.final, {name: torch.tensor(value) for name, value in final.items()})


@pytest.mark.parametrize("cell", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_evaluation_is_the_plain_cell(engine: str, cell: str):
    """Kept units are scaled up in training, so that their expectation is the value itself."""
    setting = Setting(steps=7, batch=3, inputs=4, hidden=5, dtype=torch.float32)
    got = run(engine, problem("evaluation", cells.get(cell).equations, setting))
    wanted = run(engine, problem("evaluation", cells.get(CASES[cell][0]).equations, setting))
    if engine == "native":  # the reference multiplies a masked input step by step: sums in another order
        assert torch.equal(got.output, wanted.output)
    assert_close("output", got.output, wanted.output)


@pytest.mark.parametrize("cell", CASES)
def test_every_engine_and_every_run_draws_the_same_bits(cell: str):
    tried = problem(cell, cells.get(cell).equations, SETTING)
    first, *others = [run(engine, tried) for engine in (*ENGINES, "native")]
    for other in others:
        assert_close("output", other.output, first.output)
        assert_all_close("gradient of", other.gradients, first.gradients)
    again = run("native", tried)
    assert all(torch.equal(again.gradients[name], value) for name, value in others[-1].gradients.items())


def test_masks_that_stay_show_in_the_text():
    step, sequence = (cells.recurrent_dropout(cells.LSTM(), 0.25, per) for per in ("step", "sequence"))
    assert "g[t] = dropout_g[t] / 0.75 * tanh" in str(step.equations)
    assert "g[t] = dropout_g / 0.75 * tanh" in str(sequence.equations)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("recurrent_dropout(lstm, 1.0)", "the rate of g is a probability from 0 to below 1, got 1.0$"),
        ("variational(lstm, True)", "the rate of x is a probability from 0 to below 1, got True$"),
        ("variational(lstm, {'y': 0.5})", "lstm has no source 'y'; its sources are x, h, c$"),
        ("recurrent_dropout(rnn)", "rnn has no candidate called g or n in its step to drop units of$"),
        ("recurrent_dropout(lstm, 0.1, 'row')", "is drawn per step or sequence, got 'row'$"),
    ],
)
def test_mistakes(spec: str, message: str):
    with pytest.raises((InputError, CellError), match=message):
        cells.get(spec)
