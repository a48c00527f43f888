"""Modifiers: what they make of cells and of each other, and cells that they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate.equations import Cell, affine, tanh
from keepgate.errors import CellError, InputError
from keepgate.scan import reference
from keepgate.testing.checks import walk
from keepgate.testing.problems import Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("coupled(gru)", "^gru has no value named 'i' in its step, which this modifier needs$"),
        ("no_output_activation(gru)", "^gru has no tanh of its new state c to remove$"),
        ("projected(gru, 2)", "^gru uses its state h unit by unit, so it cannot be projected; use a cell with a"),
    ],
)
def test_modifiers_that_do_not_fit(spec: str, message: str):
    with pytest.raises(CellError, match=message):
        cells.get(spec)


def test_modifiers_add_their_papers():
    assert cells.get("zoneout(layer_norm(lstm))").paper == (
        "Gers, Schmidhuber & Cummins 2000; Ba et al. 2016; Krueger et al. 2017"
    )


def test_coupled_is_the_published_coupled_cell():
    coupled, published = cells.get("coupled(lstm)").equations, cells.get("coupled_lstm").equations
    assert coupled.parameters(3, 4) == published.parameters(3, 4)
    assert coupled.to_json()["new"].keys() == published.to_json()["new"].keys()


SETTING = Setting(steps=6, batch=3, inputs=4, hidden=5)


def as_formula(cell, formula):
    tried = problem("modified", cell.equations, SETTING)
    got = reference.scan(tried.equations, tried.parameters, tried.arguments)
    output, final = walk(tried, formula)
    assert_close("output", got.recorded["h"], output)
    assert_all_close("final", got.state, final)


def test_a_projected_output_is_what_the_recurrence_sees():
    """Sak et al. 2014: h = W_hr (o * tanh(c)); typed again in NumPy."""

    def formula(x, last, p, given):
        net = x @ p["weight_ih"].T + p["bias_ih"] + last["h"] @ p["weight_hh"].T + p["bias_hh"]
        i, f, g, o = np.split(net, 4, -1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * last["c"] + i * np.tanh(g)
        return {"h": (o * np.tanh(c)) @ p["weight_hr"].T, "c": c}

    as_formula(cells.projected(cells.LSTM(), 2), formula)


def test_a_projected_cell_is_torchs():
    oracle = torch.nn.LSTM(4, 5, proj_size=2)
    parameters = cells.projected(cells.LSTM(), 2).equations.parameters(4, 5)
    assert [(p.name + "_l0", tuple(p.shape)) for p in parameters] == [
        (n, tuple(v.shape)) for n, v in oracle.named_parameters()
    ]


def test_each_gate_is_normalized_by_itself_and_biases_stay_outside():
    """Ba et al. 2016, of a cell with one gate: h = tanh(g_i n(W x) + b + g_h n(U h))."""

    def norm(value):
        return (value - value.mean(-1, keepdims=True)) / np.sqrt(value.var(-1, keepdims=True) + 1e-5)

    def formula(x, last, p, given):
        from_x = p["gain_i_n"] * norm(x @ p["weight_ih"].T) + p["shift_i_n"]
        from_h = p["gain_h_n"] * norm(last["h"] @ p["weight_hh"].T)
        return {"h": np.tanh(from_x + from_h)}

    class Simple(Cell):
        name = "simple"
        state = ("h",)

        def step(self, x, last):
            return self.State(h=tanh(affine("n", x, last.h)))

    as_formula(cells.layer_norm(Simple()), formula)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "3", 10**7])
def test_sizes_that_nothing_is_projected_to(size):
    with pytest.raises(InputError, match=r"^projected takes a (positive size|size up to 1,000,000), got "):
        cells.projected(cells.LSTM(), size)


def test_an_output_used_unit_by_unit_is_not_projected():
    with pytest.raises(CellError, match=r"^gru uses its state h unit by unit, so it cannot be projected; "):
        cells.projected(cells.GRU(), 2)


def test_the_cell_that_is_modified_stays_as_it_is():
    lstm = cells.LSTM()
    before = lstm.equations.dumps()
    for modify in (cells.layer_norm, cells.coupled, lambda cell: cells.projected(cell, 2)):
        assert modify(lstm).equations.dumps() != before
        assert lstm.equations.dumps() == before
