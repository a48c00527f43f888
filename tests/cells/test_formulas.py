"""Cells against the formulas of their papers, typed again in NumPy: values over time, from random parameters.

Gradients need no second formula: `tests/conformance` holds them against difference quotients of these values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn.functional import layer_norm as torch_layer_norm

from keepgate import cells
from keepgate.equations import noise
from keepgate.scan import reference
from keepgate.testing.checks import walk
from keepgate.testing.problems import Problem, Setting, problem
from keepgate.testing.tolerances import assert_all_close, assert_close

Arrays = dict[str, np.ndarray]
Step = Callable[[np.ndarray, Arrays, Arrays, Arrays], Arrays]

SETTING = Setting(steps=7, batch=3, inputs=4, hidden=5)


def sigma(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def four(p: Arrays, *terms: tuple[str, np.ndarray]) -> list[np.ndarray]:
    """Return the four pre-activations i, f, g, o of stacked weights and biases."""
    total = sum(source @ p[f"weight_{letter}h"].T for letter, source in terms)
    total = total + sum(value for name, value in p.items() if name.startswith("bias"))
    return np.split(total, 4, -1)


def lstm_1997(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Hochreiter & Schmidhuber 1997, appendix A.1: equations 3 to 9, g in [-2, 2], h in [-1, 1]."""
    net = x @ p["weight_ih"].T + p["bias_ih"] + last["h"] @ p["weight_hh"].T + p["bias_hh"]
    net_in, net_c, net_out = np.split(net, 3, -1)
    s = last["c"] + 1 / (1 + np.exp(-net_in)) * (4 / (1 + np.exp(-net_c)) - 2)
    return {"h": 1 / (1 + np.exp(-net_out)) * (2 / (1 + np.exp(-s)) - 1), "c": s}


def lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Gers, Schmidhuber & Cummins 2000, with tanh for both squashing functions."""
    i, f, g, o = four(p, ("i", x), ("h", last["h"]))
    c = sigma(f) * last["c"] + sigma(i) * np.tanh(g)
    return {"h": sigma(o) * np.tanh(c), "c": c}


def peephole_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Gers, Schraudolph & Schmidhuber 2002, section 4: the output gate sees the new cell."""
    i, f, g, o = _ifgo(p, x, last["h"], "ifgo")
    c = sigma(f + p["p_f"] * last["c"]) * last["c"] + sigma(i + p["p_i"] * last["c"]) * np.tanh(g)
    return {"h": sigma(o + p["p_o"] * c) * np.tanh(c), "c": c}


def _ifgo(p: Arrays, x: np.ndarray, h: np.ndarray, gates: str) -> list[np.ndarray]:
    net = x @ p["weight_ih"].T + p["bias_ih"] + h @ p["weight_hh"].T + p["bias_hh"]
    rows = dict(zip(gates, np.split(net, len(gates), -1), strict=True))
    return [rows[gate] for gate in "ifgo" if gate in rows]


def peephole_lstm_full(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """The compact form: gates W x + U c(t-1) + b, the cell's input W x + b alone."""
    wi, wf, wg, wo = np.split(p["weight_ih"], 4)
    ui, uf, uo = np.split(p["weight_ch"], 3)
    bi, bf, bg, bo = np.split(p["bias_ih"], 4)
    before = last["c"]
    c = sigma(x @ wf.T + before @ uf.T + bf) * before
    c = c + sigma(x @ wi.T + before @ ui.T + bi) * np.tanh(x @ wg.T + bg)
    return {"h": sigma(x @ wo.T + before @ uo.T + bo) * np.tanh(c), "c": c}


def coupled_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Greff et al. 2017, CIFG: f = 1 - i."""
    i, g, o = _ifgo(p, x, last["h"], "igo")
    c = (1 - sigma(i)) * last["c"] + sigma(i) * np.tanh(g)
    return {"h": sigma(o) * np.tanh(c), "c": c}


def gru(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """torch.nn.GRU's documentation, with torch's z."""
    from_x = np.split(x @ p["weight_ih"].T + p["bias_ih"], 3, -1)
    from_h = np.split(last["h"] @ p["weight_hh"].T + p["bias_hh"], 3, -1)
    r, z = sigma(from_x[0] + from_h[0]), sigma(from_x[1] + from_h[1])
    return {"h": (1 - z) * np.tanh(from_x[2] + r * from_h[2]) + z * last["h"]}


def gru_cho(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Cho et al. 2014, equations 5 to 8."""
    wr, wz, wn = np.split(p["weight_ih"], 3)
    ur, uz, un = np.split(p["weight_hh"], 3)
    br, bz, bn = np.split(p["bias_ih"] + p["bias_hh"], 3)
    h = last["h"]
    r, z = sigma(x @ wr.T + h @ ur.T + br), sigma(x @ wz.T + h @ uz.T + bz)
    return {"h": z * h + (1 - z) * np.tanh(x @ wn.T + (r * h) @ un.T + bn)}


def mut1(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Jozefowicz et al. 2015, MUT1; the embedding of x is W_e x."""
    (wz, wr, we), (ur, un) = np.split(p["weight_ih"], 3), np.split(p["weight_hh"], 2)
    (bz, br), (cr, bn) = np.split(p["bias_ih"], 2), np.split(p["bias_hh"], 2)
    h = last["h"]
    z, r = sigma(x @ wz.T + bz), sigma(x @ wr.T + h @ ur.T + br + cr)
    return {"h": np.tanh((r * h) @ un.T + np.tanh(x @ we.T) + bn) * z + h * (1 - z)}


def rnn(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Elman 1990."""
    return {"h": np.tanh(x @ p["weight_ih"].T + last["h"] @ p["weight_hh"].T + p["bias_ih"] + p["bias_hh"])}


def time_aware_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Baytas et al. 2017, section 3.2, decomposition of the previous memory; g(d) = 1 / log(e + d)."""
    short = np.tanh(last["c"] @ p["weight_ch"].T + p["bias_ch"])
    discounted = short * (1 / np.log(math.e + given["elapsed"]))
    long = last["c"] - short
    i, f, g, o = _ifgo(p, x, last["h"], "ifgo")
    c = sigma(f) * (long + discounted) + sigma(i) * np.tanh(g)
    return {"h": sigma(o) * np.tanh(c), "c": c}


def multiplicative_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Krause et al. 2016 (final version): m = (W x) * (W h), which takes the place of h in all four."""
    wm, *w = np.split(p["weight_ih"], 5)
    m = (x @ wm.T) * (last["h"] @ p["weight_hh"].T)
    u, b = np.split(p["weight_mh"], 4), np.split(p["bias_ih"], 4)
    net = [x @ wk.T + m @ uk.T + bk for wk, uk, bk in zip(w, u, b, strict=True)]
    c = sigma(net[1]) * last["c"] + sigma(net[0]) * np.tanh(net[2])
    return {"h": np.tanh(c) * sigma(net[3]), "c": c}


def without_output_activation(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Gers & Schmidhuber 2001: h(c) = c."""
    i, f, g, o = four(p, ("i", x), ("h", last["h"]))
    c = sigma(f) * last["c"] + sigma(i) * np.tanh(g)
    return {"h": sigma(o) * c, "c": c}


def normalized_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Ba et al. 2016, equations 20 to 22, each gate normalized by itself with torch's layer norm."""

    def norm(value: np.ndarray, gain: str, shift: str | None = None) -> np.ndarray:
        bias = None if shift is None else torch.tensor(p[shift])
        return torch_layer_norm(torch.tensor(value), (value.shape[-1],), torch.tensor(p[gain]), bias).numpy()

    net = {}
    for gate, w, u in zip("ifgo", np.split(p["weight_ih"], 4), np.split(p["weight_hh"], 4), strict=True):
        net[gate] = norm(x @ w.T, f"gain_i_{gate}", f"shift_i_{gate}") + norm(last["h"] @ u.T, f"gain_h_{gate}")
    c = sigma(net["f"]) * last["c"] + sigma(net["i"]) * np.tanh(net["g"])
    return {"h": sigma(net["o"]) * np.tanh(norm(c, "gain_c", "shift_c")), "c": c}


def normalized_gru(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """The same for the GRU: each product on its own, the reset gate after the normalized recurrent one."""

    def norm(value: np.ndarray, gain: str) -> np.ndarray:
        return torch_layer_norm(torch.tensor(value), (value.shape[-1],), torch.tensor(p[gain])).numpy()

    from_x = {g: norm(x @ w.T, f"gain_i_{g}") for g, w in zip("rzn", np.split(p["weight_ih"], 3), strict=True)}
    from_h = {g: norm(last["h"] @ u.T, f"gain_h_{g}") for g, u in zip("rzn", np.split(p["weight_hh"], 3), strict=True)}
    r, z = (sigma(from_x[g] + from_h[g] + p[f"shift_i_{g}"]) for g in "rz")
    n = np.tanh(from_x["n"] + p["shift_i_n"] + r * (from_h["n"] + p["shift_h_n"]))
    return {"h": (1 - z) * n + z * last["h"]}


FORMULAS: dict[str, Step] = {
    "lstm_1997": lstm_1997,
    "lstm": lstm,
    "peephole_lstm": peephole_lstm,
    "peephole_lstm_full": peephole_lstm_full,
    "coupled_lstm": coupled_lstm,
    "coupled(lstm)": coupled_lstm,
    "gru": gru,
    "gru_cho": gru_cho,
    "mut1": mut1,
    "rnn": rnn,
    "time_aware_lstm": time_aware_lstm,
    "multiplicative_lstm": multiplicative_lstm,
    "no_output_activation(lstm)": without_output_activation,
    "layer_norm(lstm)": normalized_lstm,
    "layer_norm(gru)": normalized_gru,
}


def check(tried: Problem, step: Callable[[int, np.ndarray, Arrays, Arrays, Arrays], Arrays]) -> None:
    """Compare the reference with a formula that also reads the number of the step."""
    got, times = reference.scan(tried.equations, tried.parameters, tried.arguments), itertools.count()
    output, final = walk(tried, lambda *rest: step(next(times), *rest))
    assert_close("output", got.recorded["h"], output)
    assert_all_close("final", got.state, final)


@pytest.mark.parametrize("cell", FORMULAS)
def test_formula(cell: str):
    step = FORMULAS[cell]
    check(problem(cell, cells.get(cell).equations, SETTING), lambda t, *rest: step(*rest))


RATES = {"h": 0.2, "c": 0.6}


def test_zoneout_in_evaluation_mixes_by_the_rate():
    """Krueger et al. 2017: in evaluation the expectation of the mask."""

    def step(t: int, x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
        new = lstm(x, last, p, given)
        return {name: RATES[name] * last[name] + (1 - RATES[name]) * new[name] for name in new}

    check(problem("zoneout", cells.zoneout(cells.LSTM(), RATES).equations, SETTING), step)


def test_zoneout_in_training_keeps_the_last_state_where_the_mask_says():
    """Krueger et al. 2017, section 3.2: h is computed from the cell before its own zoneout."""
    seed = 5
    keys = {name: noise.stream_key(seed, stream) for stream, name in enumerate(RATES)}

    def step(t: int, x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
        new = lstm(x, last, p, given)
        masks = {name: noise.bernoulli(keys[name], t, *value.shape, RATES[name]) for name, value in new.items()}
        return {name: np.where(masks[name] == 1, last[name], new[name]) for name in new}

    setting = Setting(steps=7, batch=3, inputs=4, hidden=5, seed=seed)
    check(problem("zoneout", cells.zoneout(cells.LSTM(), RATES).equations, setting), step)


def test_zoneout_of_one_state_alone():
    def step(t: int, x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
        new = lstm(x, last, p, given)
        return new | {"c": 0.5 * last["c"] + 0.5 * new["c"]}

    check(problem("zoneout c", cells.zoneout(cells.LSTM(), {"c": 0.5}).equations, SETTING), step)


def test_layer_norm_reads_the_memory_before_zoneout():
    """Modifiers in either order: what tanh reads is normalized."""

    def step(t: int, x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
        new = normalized_lstm(x, last, p, given)
        return {name: 0.25 * last[name] + 0.75 * new[name] for name in new}

    for cell in ("zoneout(layer_norm(lstm), 0.25)", "layer_norm(zoneout(lstm, 0.25))"):
        check(problem(cell, cells.get(cell).equations, SETTING), step)
