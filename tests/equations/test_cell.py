"""What a cell is: its names, parameters, widths and states."""

from __future__ import annotations

import pytest

from keepgate.cells import LSTM, projected
from keepgate.equations import Cell, Parameter, affine, mean, normalize, sigmoid, size, step_input, tanh, vector


class Gated(Cell):
    state = ("y", "m")

    def step(self, x, last):
        a = sigmoid(affine("a", x, last.y))
        b = tanh(affine("b", last.m, q=a * last.y))
        m = a * last.m + vector("decay", 0.9) * b
        return self.State(y=m - mean(b) * step_input("gap"), m=m)


def test_parameters_are_named_and_ordered_as_in_torch():
    assert Gated().equations.parameters(5, 3) == [
        Parameter("weight_ih", (3, 5), ("a",)),
        Parameter("weight_yh", (3, 3), ("a",)),
        Parameter("weight_mh", (3, 3), ("b",)),
        Parameter("weight_qh", (3, 3), ("b",)),
        Parameter("bias_ih", (3,), ("a",)),
        Parameter("bias_mh", (3,), ("b",)),
        Parameter("decay", (3,), (), 0.9),
    ]


def test_parameters_without_bias():
    names = [parameter.name for parameter in Gated().equations.parameters(5, 3, bias=False)]
    assert names == ["weight_ih", "weight_yh", "weight_mh", "weight_qh", "decay"]


def test_projection_comes_last_as_in_torch():
    parameters = projected(LSTM(), 2).equations.parameters(5, 3)
    assert [(p.name, p.shape) for p in parameters] == [
        ("weight_ih", (12, 5)),
        ("weight_hh", (12, 2)),
        ("bias_ih", (12,)),
        ("bias_hh", (12,)),
        ("weight_hr", (2, 3)),
    ]


def test_what_equations_say_of_themselves():
    equations = Gated().equations
    assert equations.name == "Gated"
    assert equations.states == ("y", "m")
    assert equations.gates == ("a", "b")
    assert equations.widths == {"y": "hidden", "m": "hidden"}
    assert equations.step_inputs == {"gap": "unit"}
    assert list(equations.named) == ["a", "b", "m"]
    assert equations.resolve(5, 3) == {"input": 5, "hidden": 3, "unit": 1}


def test_states_come_in_the_order_of_the_cell_whatever_the_order_of_writing():
    class Turned(Cell):
        state = ("h", "c")

        def step(self, x, last):
            c = affine("c", x, last.c)
            return self.State(c=c, h=tanh(c))

    assert Turned().equations.states == ("h", "c")


def test_equations_are_read_once():
    class Counted(Cell):
        calls = 0

        def step(self, x, last):
            Counted.calls += 1
            return self.State(h=tanh(affine("n", x, last.h)))

    cell = Counted()
    assert cell.equations is cell.equations
    assert Counted.calls == 1


def test_a_subclass_has_its_own_name_unless_it_gives_one():
    class Mine(LSTM):
        pass

    class Named(LSTM):
        name = "named"

    assert (Mine().name, Named().name, LSTM().name) == ("Mine", "named", "lstm")


@pytest.mark.parametrize(
    ("write", "width"),
    [
        (lambda x, h: tanh(h), "hidden"),
        (lambda x, h: 1 - h, "hidden"),
        (lambda x, h: h * mean(h), "hidden"),
        (lambda x, h: mean(h) / 2, "unit"),
        (lambda x, h: normalize(h), "hidden"),
        (lambda x, h: tanh(x) * mean(h), "input"),
        (lambda x, h: size("hidden") * 2, None),
        (lambda x, h: affine("n", x), "hidden"),
    ],
)
def test_widths(write, width: str | None):
    class Probe(Cell):
        def step(self, x, last):
            self.width = write(x, last.h).width
            return self.State(h=last.h)

    probe = Probe()
    assert probe.equations.gates == ()
    assert probe.width == width
