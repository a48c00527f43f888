"""Cells that no other package computes as their papers say, against the papers' formulas, typed again in NumPy.

The other published cells have theirs in `test_formulas.py`, or are compared with another package's in
`oracles/test_torchrecurrent.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from cells.test_formulas import FORMULAS, SETTING, Arrays, Step, check, sigma
from keepgate import cells
from keepgate.testing.problems import problem
from oracles.test_torchrecurrent import ROWS


def gates(p: Arrays, letter: str, source: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the products of a source, with its bias, gate by gate."""
    return np.split(source @ p[f"weight_{letter}h"].T + p.get(f"bias_{letter}h", 0), count, -1)


def lem(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Rusch et al. 2022: z by the time step of one gate, then y, which reads the new z, by that of another; dt = 1."""
    a, b, c, d = gates(p, "i", x, 4)
    e, f, g = gates(p, "h", last["h"], 3)
    slow, fast = sigma(a + e), sigma(b + f)
    z = (1 - fast) * last["c"] + fast * np.tanh(c + g)
    (w,) = gates(p, "m", z, 1)
    return {"h": (1 - slow) * last["h"] + slow * np.tanh(d + w), "c": z}


def rhn(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Zilly et al. 2017, with c = 1 - t and depth 2."""
    n, t = (a + b for a, b in zip(gates(p, "i", x, 2), gates(p, "h", last["h"], 2), strict=True))
    s = np.tanh(n) * sigma(t) + last["h"] * (1 - sigma(t))
    n, t = gates(p, "s1", s, 2)
    return {"h": np.tanh(n) * sigma(t) + s * (1 - sigma(t))}


def scrn(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Mikolov et al. 2015: s = (1 - a) B x + a s, h = sigmoid(P s + A x + R h)."""
    b, a = np.split(p["weight_ih"], 2)
    s = 0.05 * x @ b.T + 0.95 * last["c"]
    h = sigma(s @ p["weight_mh"].T + x @ a.T + last["h"] @ p["weight_hh"].T + p["bias_ih"] + p["bias_hh"])
    return {"h": h, "c": s}


def min_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Feng et al. 2024: f' = f / (f + i), i' = i / (f + i), h = f' h + i' n."""
    f, i, n = gates(p, "i", x, 3)
    total = sigma(f) + sigma(i)
    return {"h": sigma(f) / total * last["h"] + sigma(i) / total * n}


def min_gru(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Feng et al. 2024: h = (1 - z) h + z n."""
    z, n = gates(p, "i", x, 2)
    return {"h": (1 - sigma(z)) * last["h"] + sigma(z) * n}


def sru(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Lei et al. 2018: gates read c unit by unit; h = r c + (1 - r) x, x through a matrix."""
    wf, wr, w, skip = (x @ weight.T for weight in np.split(p["weight_ih"], 4))
    bf, br = np.split(p["bias_ih"], 2)
    f = sigma(wf + p["v_f"] * last["c"] + bf)
    r = sigma(wr + p["v_r"] * last["c"] + br)
    c = f * last["c"] + (1 - f) * w
    return {"h": r * c + (1 - r) * skip, "c": c}


def qrnn(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Bradbury et al. 2017: a convolution of two steps, then fo-pooling; u, v, w are W x of the step before."""
    now, later = np.split(p["weight_ih"], 2)
    z, f, o = np.split(x @ now.T + p["bias_ih"] + np.concatenate([last["u"], last["v"], last["w"]], -1), 3, -1)
    c = sigma(f) * last["c"] + (1 - sigma(f)) * np.tanh(z)
    return {"h": sigma(o) * c, "c": c} | dict(zip("uvw", np.split(x @ later.T, 3, -1), strict=True))


def nested_lstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Moniz & Krueger 2017: the inner LSTM reads i g as its input and f c as its state, and gives c."""
    i, f, g, o = (a + b for a, b in zip(gates(p, "i", x, 4), gates(p, "h", last["h"], 4), strict=True))
    inner = gates(p, "n", sigma(i) * np.tanh(g), 4), gates(p, "m", sigma(f) * last["c"], 4)
    j, k, q, r = (a + b for a, b in zip(*inner, strict=True))
    d = sigma(k) * last["d"] + sigma(j) * np.tanh(q)
    c = sigma(r) * np.tanh(d)
    return {"h": sigma(o) * np.tanh(c), "c": c, "d": d}


def slstm(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Beck et al. 2024, with a sigmoid forget gate, stabilised."""
    i, f, z, o = (a + b for a, b in zip(gates(p, "i", x, 4), gates(p, "h", last["h"], 4), strict=True))
    m = np.maximum(np.log(sigma(f)) + last["m"], i)
    kept, new = sigma(f) * np.exp(last["m"] - m), np.exp(i - m)
    c, n = kept * last["c"] + new * np.tanh(z), kept * last["n"] + new
    return {"h": sigma(o) * c / n, "c": c, "n": n, "m": m}


def tau_gru(x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
    """Erichson, Lim & Mahoney 2023, after ten steps."""
    u, z, g, a = gates(p, "i", x, 4)
    uh, gh, ah = gates(p, "h", last["h"], 3)
    z = np.tanh(z + last["h10"] @ p["weight_mh"].T)
    h = (1 - sigma(g + gh)) * last["h"] + sigma(g + gh) * (np.tanh(u + uh) + sigma(a + ah) * z)
    return {"h": h, "h1": last["h"]} | {f"h{k}": last[f"h{k - 1}"] for k in range(2, 11)}


LATER: dict[str, Step] = {
    "lem": lem,
    "rhn": rhn,
    "scrn": scrn,
    "min_lstm": min_lstm,
    "min_gru": min_gru,
    "sru": sru,
    "qrnn": qrnn,
    "nested_lstm": nested_lstm,
    "slstm": slstm,
    "tau_gru": tau_gru,
}


@pytest.mark.parametrize("cell", LATER)
def test_formula(cell: str):
    check(problem(cell, cells.get(cell).equations, SETTING), lambda t, *rest: LATER[cell](*rest))


def test_every_published_cell_has_its_formula():
    compared = {spec.partition("(")[0] for spec in ROWS}
    assert set(cells.registry()) <= {*FORMULAS, *LATER, *compared}


def test_the_stabiliser_of_slstm_changes_no_output():
    """c / n is the same for every m, as long as nothing overflows."""
    tried = problem("slstm", cells.get("slstm").equations, SETTING)

    def unstabilised(t: int, x: np.ndarray, last: Arrays, p: Arrays, given: Arrays) -> Arrays:
        i, f, z, o = (a + b for a, b in zip(gates(p, "i", x, 4), gates(p, "h", last["h"], 4), strict=True))
        m = np.maximum(np.log(sigma(f)) + last["m"], i)
        c = sigma(f) * last["c"] * np.exp(last["m"]) + np.exp(i) * np.tanh(z)
        n = sigma(f) * last["n"] * np.exp(last["m"]) + np.exp(i)
        return {"h": sigma(o) * c / n, "c": c * np.exp(-m), "n": n * np.exp(-m), "m": m}

    check(tried, unstabilised)
