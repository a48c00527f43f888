"""Networks that step together: the bits that each has alone, for every cell, and refusals that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from conformance.cells import CELLS
from keepgate.cells import get
from keepgate.equations import Equations
from keepgate.errors import InputError
from keepgate.native import Population, Stepper
from keepgate.native.population import SQUASHES
from keepgate.scan import engines
from keepgate.testing.tolerances import assert_close

pytestmark = pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here")

PLAIN = [name for name, cell in CELLS.items() if not cell.equations.step_inputs]
LSTM = get("lstm").equations


def drawn(*shape: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) / 2).astype(dtype)


def stepped(equations: Equations, networks: int, rows: int, hidden: int, dtype: str = "float32", steps: int = 3):
    """Compare a population, with resets, with a stepper for each network, byte for byte."""
    population = Population(equations, 3, hidden, 0, networks, rows, dtype)
    weights = drawn(networks, population.size, dtype=dtype)
    population.load(weights)
    views = population.views(weights)
    alone = [
        Stepper(equations, 3, hidden, {name: view[p] for name, view in views.items()}, rows, dtype)
        for p in range(networks)
    ]
    x, resets = drawn(steps, networks, rows, 3, dtype=dtype, seed=1), drawn(steps, networks, rows, seed=2) > 0.3
    for t in range(steps):
        population.reset(resets[t])
        for p, stepper in enumerate(alone):
            stepper.reset(resets[t, p])
        expected = np.stack([stepper.step(x[t, p]) for p, stepper in enumerate(alone)])
        assert population.step(x[t]).tobytes() == expected.tobytes(), t
    for name, value in population.state.items():
        assert value.tobytes() == np.stack([stepper.state[name] for stepper in alone]).tobytes(), name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PLAIN)
def test_the_bits_of_each_network_alone(name: str, dtype: str):
    stepped(CELLS[name].equations, 5, 3, 17, dtype)


@pytest.mark.parametrize("hidden", [1, 8, 16, 31, 33, 65, 130])
@pytest.mark.parametrize("rows", [1, 2, 4, 5, 11])
def test_any_size(rows: int, hidden: int):
    for name in ("lstm", "gru_cho", "layer_norm(lstm)"):
        stepped(CELLS[name].equations, 3, rows, hidden, steps=2)


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_any_number_of_threads(threads: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEEPGATE_THREADS", threads)
    stepped(LSTM, 70, 4, 64, steps=2)  # worth several threads


@pytest.mark.parametrize("squash", [None, *SQUASHES])
def test_an_output_layer(squash: str | None):
    functions = {
        None: lambda z: z,
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "softplus": lambda z: np.log1p(np.exp(z)),
        "relu": lambda z: np.maximum(z, 0),
    }
    for name in ("lstm", "layer_norm(lstm)", "projected(lstm, 3)"):
        equations = CELLS[name].equations
        population = Population(equations, 3, 7, 4, networks=6, rows=2, dtype=np.float64, squash=squash)
        bare = Population(equations, 3, 7, 0, networks=6, rows=2, dtype=np.float64)
        weights = drawn(6, population.size, dtype=np.float64)
        population.load(weights)
        bare.load(weights[:, : bare.size])
        own = population.views(weights)
        for t in range(3):
            x = drawn(6, 2, 3, dtype=np.float64, seed=t)
            z = np.einsum("pkw,pow->pko", bare.step(x), own["weight_out"]) + own["bias_out"][:, None]
            assert_close("output", torch.from_numpy(population.step(x)), torch.from_numpy(functions[squash](z)))


def test_the_order_of_the_numbers_and_what_is_kept():
    population = Population(LSTM, 3, 5, 2, networks=4)
    assert list(population.shapes) == ["weight_ih", "weight_hh", "bias_ih", "weight_out", "bias_out"]
    assert population.size == 20 * 3 + 20 * 5 + 20 + 2 * 5 + 2
    assert population.places("bias_out").tolist() == [190, 191]
    weights, x = drawn(4, 192), drawn(4, 1, 3)
    population.load(weights)
    first = population.step(x).copy()
    weights[:] = 0  # a later change does not show
    population.reset()
    assert population.step(x).tobytes() == first.tobytes()
    state = population.state
    second = population.step(x).copy()
    population.load(drawn(4, 192))  # the states stay
    population.state = state
    output = np.empty((4, 1, 2), np.float32)
    assert population.step(x, output) is output
    assert output.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": 0}, "networks must be a whole number from 1 on, got 0"),
        ({"rows": 1.5}, "rows must be a whole number from 1 on, got 1.5"),
        ({"output_size": -1}, "output_size must be a whole number from 0 on, got -1"),
        ({"networks": 2**30}, "a population of 1073741824 networks with 1 rows each is too large; take fewer"),
        ({"networks": 2**20, "hidden_size": 2**12}, "too large"),
        ({"dtype": np.int32}, "dtype is float32 or float64, got int32"),
        ({"squash": "sin"}, "squash is one of tanh, sigmoid, softplus, relu, for outputs of a layer; got 'sin'"),
        ({"squash": "tanh", "output_size": 0}, "for outputs of a layer"),
        ({"equations": CELLS["time_aware_lstm"].equations}, "takes step inputs, which a population has none of"),
    ],
)
def test_what_there_cannot_be(options: dict[str, Any], message: str):
    given = {"equations": LSTM, "input_size": 3, "hidden_size": 4, "output_size": 1, "networks": 2}
    with pytest.raises(InputError) as raised:
        Population(**given | options)
    assert message in str(raised.value)


def test_arrays_that_do_not_fit():
    population = Population(LSTM, 3, 4, 1, networks=2)
    with pytest.raises(InputError, match=r"weights have shape \(2, 3\), expected \(2, 133\)"):
        population.load(np.zeros((2, 3)))
    with pytest.raises(InputError, match="weights are no array of float32"):
        population.load([["a"]])
    for x in (drawn(2, 1, 4), drawn(2, 3), drawn(2, 1, 3, dtype=np.float64), drawn(4, 1, 3)[::2], [1.0]):
        with pytest.raises(InputError, match=r"a step takes dense float32 arrays on the CPU, x \(2, 1, 3\)"):
            population.step(x)
    with pytest.raises(InputError, match=r"a mask of booleans \(2, 1\), got \(2,\) of bool"):
        population.reset([True, False])
    with pytest.raises(InputError, match="the cell has the states h, c, not d"):
        population.state = {"d": 0}
    with pytest.raises(InputError, match=r"state h has shape \(1,\) of int64, expected \(2, 1, 4\)"):
        population.state = {"h": [1]}
