"""The program in NumPy against difference quotients, and against equations done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from keepgate import cells
from keepgate.equations import compile_program, noise
from keepgate.testing.interpreter import Interpreter


def prepared(cell: str, seed: int | None = None, steps: int = 3, bias: bool = True):
    equations, random = cells.get(cell).equations, np.random.default_rng(0)
    parameters = {p.name: random.normal(size=p.shape) for p in equations.parameters(2, 3, bias)}
    state = {name: random.normal(size=(2, 3)) for name in equations.states}
    given = {name: random.random((steps, 2, 1)) for name in equations.step_inputs}
    return Interpreter(compile_program(equations), parameters, seed), random.normal(size=(steps, 2, 2)), state, given


def test_one_step_by_hand():
    interpreter, x, state, _ = prepared("rnn", steps=1)
    p = interpreter.parameters
    by_hand = np.tanh(p["weight_ih"] @ x[0, 0] + p["weight_hh"] @ state["h"][0] + p["bias_ih"] + p["bias_hh"])
    run = interpreter.forward(x, state)
    np.testing.assert_allclose(run.states["h"][1, 0], by_hand, rtol=1e-14)
    assert np.array_equal(run.states["h"][0], state["h"])


def test_absent_biases_are_zero():
    interpreter, x, state, _ = prepared("lstm", bias=False)
    zeros = {name: np.zeros(12) for name in ("bias_ih", "bias_hh")}
    with_zeros = Interpreter(interpreter.program, {**interpreter.parameters, **zeros})
    for name, value in interpreter.forward(x, state).states.items():
        assert np.array_equal(value, with_zeros.forward(x, state).states[name])


def test_a_random_bit_is_its_expectation_unless_there_is_a_seed():
    """Krueger et al. 2017: with the rate 1/4, in evaluation a quarter of the last state."""
    plain, x, state, _ = prepared("rnn", steps=1)
    new = plain.forward(x, state).states["h"][1]
    program = compile_program(cells.get("zoneout(rnn, 0.25)").equations)
    quiet = Interpreter(program, plain.parameters).forward(x, state).states["h"][1]
    np.testing.assert_allclose(quiet, 0.25 * state["h"] + 0.75 * new, rtol=1e-14)
    drawn = Interpreter(program, plain.parameters, seed=3).forward(x, state).states["h"][1]
    mask = noise.bernoulli(noise.stream_key(3, 0), 0, 2, 3, 0.25)
    np.testing.assert_allclose(drawn, np.where(mask == 1, state["h"], new), rtol=1e-14)


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("cell", ["lstm", "gru", "time_aware_lstm", "zoneout(gru, 0.5)", "layer_norm(lstm)"])
def test_gradients_are_difference_quotients(cell: str, seed: int | None):
    interpreter, x, state, given = prepared(cell, seed)
    random = np.random.default_rng(1)
    cotangents = {name: random.normal(size=(3, 2, 3)) for name in state}

    def loss() -> float:
        states = interpreter.forward(x, state, given).states
        return sum(float((states[name][1:] * value).sum()) for name, value in cotangents.items())

    found = interpreter.backward(x, interpreter.forward(x, state, given), cotangents, given)
    pairs = [
        (x, found.x),
        *((state[k], found.states[k]) for k in state),
        *((given[k], found.step_inputs[k]) for k in given),
    ]
    pairs += [(interpreter.parameters[k], value) for k, value in found.parameters.items()]
    for array, gradient in pairs:
        place = tuple(random.integers(0, n) for n in array.shape)
        before, step = array[place], 1e-5
        array[place] = before + step
        above = loss()
        array[place] = before - step
        below = loss()
        array[place] = before
        assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("steps", "rows"), [(0, 2), (3, 0)])
def test_nothing_to_run(steps: int, rows: int):
    interpreter, x, state, _ = prepared("lstm", steps=steps)
    x, state = x[:, :rows], {name: value[:rows] for name, value in state.items()}
    run = interpreter.forward(x, state)
    assert run.states["h"].shape == (steps + 1, rows, 3)
    found = interpreter.backward(x, run, {name: np.zeros((steps, rows, 3)) for name in state})
    assert found.x.shape == x.shape
    assert not any(value.any() for value in found.parameters.values())
