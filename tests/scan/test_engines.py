"""Engines are chosen openly: the first that can, or a reason."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest
import torch

from keepgate import cells
from keepgate.equations import Cell, affine, bernoulli, tanh, vector
from keepgate.errors import BackendError, InputError
from keepgate.nn import LSTM, Recurrent
from keepgate.scan import ENGINES, cudnn, engines, reference, scan
from keepgate.scan.engines import Engine
from keepgate.testing.problems import Setting, problem


def tried(cell: str = "lstm", **changes):
    one = problem("engines", cells.get(cell).equations, Setting())
    return one.equations, one.parameters, replace(one.arguments, **changes)


def test_the_table_says_yes_or_the_reason():
    table = engines()
    assert list(table) == list(ENGINES)
    assert table["reference"] == "yes"
    assert table["cudnn"] == ("yes" if torch.cuda.is_available() else "torch finds no CUDA device")


def test_an_unknown_backend_is_refused_at_once():
    with pytest.raises(InputError, match=r"^backend is one of auto, .*cudnn.*reference; got 'fast'$"):
        LSTM(2, 3, backend="fast")
    with pytest.raises(InputError, match=r"^backend is one of auto, "):
        scan(*tried(), backend="fast")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cudnn_without_a_device_says_so():
    with pytest.raises(BackendError, match=r"^backend 'cudnn' cannot run this: torch finds no CUDA device; use "):
        LSTM(2, 3, backend="cudnn")(torch.zeros(4, 1, 2))


def fake(runs: list[str], name: str, unavailable: str | None = None, refuses: str | None = None) -> Engine:
    """An engine that notes that it ran."""

    def run(*arguments):
        runs.append(name)
        return reference.scan(*arguments)

    return Engine(run, lambda: unavailable, lambda *arguments: refuses)


def test_auto_takes_the_first_that_can():
    runs: list[str] = []
    absent, unable = fake(runs, "absent", unavailable="not here"), fake(runs, "unable", refuses="not this")
    table = {"absent": absent, "unable": unable, "able": fake(runs, "able"), "late": fake(runs, "late")}
    with mock.patch.dict(ENGINES, table, clear=True):  # which puts them back in their order
        scan(*tried())
        scan(*tried(), backend="late")
        assert runs == ["able", "late"]
        with pytest.raises(BackendError, match=r"^backend 'absent' cannot run this: not here; use backend='auto'$"):
            scan(*tried(), backend="absent")
        with pytest.raises(BackendError, match=r"^backend 'unable' cannot run this: not this; use backend='auto'$"):
            scan(*tried(), backend="unable")
        assert runs == ["able", "late"]


class OnCuda:
    """Stands for a tensor on a CUDA device: what `cudnn.refuses` looks at."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.device = shape, torch.device("cuda")


REFUSED = {
    "peephole_lstm": ({}, "torch has no kernel for the equations of peephole_lstm"),
    "gru_cho": ({}, "torch has no kernel for the equations of gru_cho"),
    "lstm": ({"lengths": torch.tensor([1, 2, 3])}, "its kernel takes neither lengths nor resets"),
    "gru": ({"reset": torch.zeros(5, 3, dtype=torch.bool)}, "its kernel takes neither lengths nor resets"),
    "projected(lstm, 3)": ({"record": ("h", "c")}, "its kernel returns the output alone for every step"),
    "rnn": ({"x": OnCuda((0, 3, 7))}, "its kernel needs a step and a row"),
    "rnn('relu')": ({"x": OnCuda((5, 0, 7))}, "its kernel needs a step and a row"),
}


@pytest.mark.parametrize("cell", REFUSED)
def test_what_cudnn_refuses(cell: str):
    changes, reason = REFUSED[cell]
    assert cudnn.refuses(*tried(cell, **({"x": OnCuda((5, 3, 7))} | changes))) == reason


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "rnn('relu')", "projected(lstm, 3)"])
def test_what_cudnn_takes(cell: str):
    assert cudnn.refuses(*tried(cell, x=OnCuda((5, 3, 7)))) is None
    assert cudnn.refuses(*tried(cell)) == "the input is on cpu, not on a CUDA device"


def test_cudnn_takes_a_users_own_lstm():
    from keepgate.equations import Cell, affine, sigmoid, tanh

    class Mine(Cell):
        state = ("h", "c")

        def step(self, x, last):
            write = sigmoid(affine("i", x, last.h))
            keep = sigmoid(affine("f", x, last.h))
            new = tanh(affine("g", x, last.h))
            show = sigmoid(affine("o", x, last.h))
            memory = keep * last.c + write * new
            return self.State(h=show * tanh(memory), c=memory)

    one = problem("mine", Mine().equations, Setting())
    arguments = replace(one.arguments, x=OnCuda((5, 3, 7)))
    assert cudnn.refuses(one.equations, one.parameters, arguments) is None


class OfVector(Cell):
    """A matrix times a parameter vector."""

    state = ("h",)

    def step(self, x, last):
        return self.State(h=tanh(affine("a", x, last.h) + affine("b", p=vector("q"))))


class OfBits(Cell):
    """A matrix times random bits."""

    state = ("h",)

    def step(self, x, last):
        return self.State(h=tanh(affine("a", x, last.h) + affine("b", p=bernoulli("q", 0.5))))


@pytest.mark.parametrize(("cell", "kind"), [(OfVector, "vector"), (OfBits, "bernoulli")])
def test_what_the_core_has_no_rows_of_goes_to_the_reference(cell: type[Cell], kind: str):
    x = torch.randn(4, 2, 3)
    layer = Recurrent(cell, 3, 5)
    output, _ = layer(x)
    output.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())
    layer.backend = "native"
    with pytest.raises(BackendError, match=f"multiplies no matrix with a {kind} as it is"):
        layer(x)
