"""A cell that is right passes; each kind of fault, put in on purpose, is found and named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate.equations import Cell, affine, bernoulli, log, tanh
from keepgate.errors import CellError, InputError
from keepgate.scan import ENGINES, reference
from keepgate.testing import check_cell, checks
from keepgate.testing.checks import SETTINGS, walk
from keepgate.testing.problems import Setting, problem


def rnn(x, last, p, given):
    """Elman 1990."""
    return {"h": np.tanh(x @ p["weight_ih"].T + last["h"] @ p["weight_hh"].T + p["bias_ih"] + p["bias_hh"])}


class Leaky(Cell):
    """Every name that `cells.get` does not know is a user's."""

    name = "leaky"
    state = ("h",)

    def step(self, x, last):
        kept = bernoulli("kept", 0.25)
        return self.State(h=kept * last.h + (1 - kept) * tanh(affine("n", x, last.h)))


def test_a_registered_cell_passes_on_every_engine_of_this_machine():
    checked = check_cell("rnn", rnn)
    assert {*checked.errors, *checked.refused} >= {name for name, e in ENGINES.items() if not e.unavailable()}
    assert 0 < checked.errors["reference"] < 1e-12


@pytest.mark.parametrize("cell", [Leaky, Leaky(), Leaky().equations])
def test_a_cell_of_a_user_passes_with_its_random_bits(cell):
    assert check_cell(cell).errors["reference"] < 1e-12


def test_what_is_no_cell_is_refused_as_everywhere():
    with pytest.raises(InputError, match="unknown cell 'lstn'"):
        check_cell("lstn")
    with pytest.raises(CellError):
        check_cell(type("Empty", (Cell,), {"name": "empty", "state": ("h",), "step": lambda self, x, last: None}))


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda *a: {"h": -rnn(*a)["h"]}, r"^rnn, against its formula: output: error \S+ above 1e-12$"),
        (
            lambda *a: {"h": rnn(*a)["h"][None]},
            r"^the formula returns states of the shapes {'h': \(1, 3, 5\)}, wanted ",
        ),
        (lambda *a: {}, r"^the formula returns states of the shapes {}, wanted {'h': \(3, 5\)}$"),
    ],
    ids=["another sign", "another shape", "no state"],
)
def test_a_formula_that_is_another(formula, words):
    with pytest.raises(AssertionError, match=words):
        check_cell("rnn", formula)


def test_values_outside_the_domain_of_an_operation():
    class Logarithm(Cell):
        name = "logarithm"
        state = ("h",)

        def step(self, x, last):
            return self.State(h=log(affine("a", x, last.h)))

    with pytest.raises(AssertionError, match=r"^logarithm, plain: output is not finite; keep log, sqrt, exp and / "):
        check_cell(Logarithm)


def engine(monkeypatch, scan):
    """Put a faulty engine beside the others."""
    monkeypatch.setitem(ENGINES, "reference", ENGINES["reference"]._replace(run=scan))


def test_an_engine_with_another_value(monkeypatch):
    def scan(*given):
        result = reference.scan(*given)
        return result if given[2].lengths is None else type(result)(result.recorded, {"h": 1.001 * result.state["h"]})

    engine(monkeypatch, scan)
    with pytest.raises(AssertionError, match=r"^rnn, lengths, on reference: final h: error"):
        check_cell("rnn")


def test_an_engine_with_another_gradient(monkeypatch):
    def scan(equations, parameters, arguments):
        return reference.scan(equations, parameters | {"bias_hh": parameters["bias_hh"].detach()}, arguments)

    engine(monkeypatch, scan)
    with pytest.raises(AssertionError, match=r"^rnn, plain, on reference: gradient of bias_hh: error"):
        check_cell("rnn")


def test_an_engine_that_reads_past_the_lengths(monkeypatch):
    def scan(equations, parameters, arguments):
        result = reference.scan(equations, parameters, arguments)
        return type(result)({"h": result.recorded["h"] + 0 * arguments.x.sum()}, result.state)

    engine(monkeypatch, scan)
    with pytest.raises(AssertionError, match=r"^rnn, padding of NaN, on reference: output: error inf above 1e-12$"):
        check_cell("rnn")


def test_a_wrong_derivative_is_no_difference_quotient(monkeypatch):
    """Found also where nothing else is compared."""
    right = torch.tanh

    class Tanh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return right(x)

        @staticmethod
        def backward(ctx, *cotangents):
            return cotangents[0] * 0.9

    monkeypatch.setattr(checks, "_compare", lambda *given: None)
    monkeypatch.setitem(reference.TORCH, "tanh", Tanh.apply)
    with pytest.raises(AssertionError, match=r"^rnn: a gradient is not the difference quotient: Jacobian mismatch"):
        check_cell("rnn")


def test_a_refusal_is_told_and_no_failure(monkeypatch):
    refusing = ENGINES["reference"]._replace(refuses=lambda *given: "it is Sunday", unavailable=lambda: None)
    monkeypatch.setitem(ENGINES, "resting", refusing)
    checked = check_cell("rnn")
    assert checked.refused == {"resting": "it is Sunday"}
    assert "resting" not in checked.errors


def test_a_formula_is_walked_from_state_to_state():
    """By hand: h becomes x + h, so the output is the running sum."""
    tried = problem("sum", cells.get("rnn").equations, Setting(steps=4, batch=2, inputs=3, hidden=3))
    output, final = walk(tried, lambda x, last, p, given: {"h": x + last["h"]})
    wanted = tried.arguments.state["h"] + tried.arguments.x.cumsum(0)
    torch.testing.assert_close(output, wanted)
    torch.testing.assert_close(final["h"], wanted[-1])


def test_the_settings_are_what_the_sentence_says():
    """Odd and empty sizes, lengths, resets, both directions, gates at +-60, random bits, both dtypes."""
    tried = SETTINGS.values()
    assert {0, 1, 2, 33} <= {s.steps for s in tried}
    assert {1, 3, 7, 17, 65} <= {s.hidden for s in tried}
    assert {s.dtype for s in tried} == {torch.float32, torch.float64}
    assert any(s.lengths and 0 in s.lengths for s in tried)
    for name in ("resets", "reverse", "saturated", "strided", "seed"):
        assert any(getattr(s, name) for s in tried), name
