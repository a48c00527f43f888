"""Each rule refuses what it is there for; known cells keep all of them."""

from __future__ import annotations

import pytest

from keepgate.equations import Cell, Expression, affine, constant, mean, normalize, relu, sigmoid, tanh
from keepgate.equations.graph import rewrite
from keepgate.search.candidate import settle
from keepgate.search.evolution import START
from keepgate.search.rules import MOST_COST, RULES, Unfit, check, cost, degrees
from search.cells import graph


@pytest.mark.parametrize("name", START)
def test_known_cells_keep_the_rules(name: str):
    check(graph(name))
    assert cost(graph(name)) <= MOST_COST


class Squares(Cell):
    def step(self, x, last):
        return self.State(h=affine("a", last.h) * affine("b", x, last.h))


class SquaresOfAnother(Cell):
    state = ("h", "c")

    def step(self, x, last):
        c = last.c + sigmoid(affine("f", x, last.h))
        return self.State(h=c * last.c, c=c)


class Deaf(Cell):
    def step(self, x, last):
        return self.State(h=tanh(affine("a", last.h)))


class Forgetful(Cell):
    def step(self, x, last):
        return self.State(h=tanh(affine("a", x)))


class Unweighted(Cell):
    def step(self, x, last):
        return self.State(h=tanh(affine("a", x) + last.h))


class Long(Cell):
    def step(self, x, last):
        value = affine("a", x, last.h)
        for i in range(40):
            value = value * 0.9 + last.h * (i + 0.5)
        return self.State(h=tanh(value))


class ManyGates(Cell):
    def step(self, x, last):
        value = last.h
        for i in range(9):
            value = value + sigmoid(affine(f"g{i}", x, last.h))
        return self.State(h=tanh(value))


class ManyStates(Cell):
    state = ("h", "a", "b", "c", "d")

    def step(self, x, last):
        h = tanh(affine("n", x, last.d))
        return self.State(h=h, a=last.h, b=last.a, c=last.b, d=last.c)


class Deep(Cell):
    def step(self, x, last):
        value = last.h
        for i in range(3):
            value = tanh(affine(f"g{i}", x, m=relu(value)))
        return self.State(h=value)


class Dear(Cell):
    def step(self, x, last):
        return self.State(h=normalize(normalize(affine("a", x, last.h)) + normalize(affine("b", x))) * last.h)


class Narrow(Cell):
    def step(self, x, last):
        return self.State(h=mean(affine("a", x, last.h)) * tanh(affine("b", x)))


REFUSED = {
    "grows without end": [Squares, SquaresOfAnother],
    "no input": [Deaf],
    "no recurrence": [Forgetful, Unweighted],
    "too many values": [Long],
    "too many gates": [ManyGates],
    "too many states": [ManyStates],
    "too slow": [Deep, Dear],
}


@pytest.mark.parametrize(("reason", "cell"), [(reason, cell) for reason, group in REFUSED.items() for cell in group])
def test_what_breaks_a_rule_is_refused_by_it(reason: str, cell: type[Cell]):
    with pytest.raises(Unfit, match=f"^{reason}$"):
        settle(graph(cell))


def test_what_is_no_cell_is_refused():
    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        if node.op != "affine" or node.attrs[0] != "f":
            return None
        return Expression("affine", [*args, constant(1)], ("f", ("i", "h", "m"), ("i", "h")), node.width, node.line)

    with pytest.raises(Unfit, match="no equations of a cell"):
        settle(rewrite(graph("lstm"), rule))


def test_every_rule_is_tried():
    assert set(RULES) - set(REFUSED) == {"no state of one number a unit"}


def test_a_state_of_one_number_a_row_is_refused():
    new = {"h": graph(Narrow)["h"].args[0].args[0]}
    assert new["h"].width == "unit"
    with pytest.raises(Unfit, match="one number a unit"):
        check(new)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("lstm", {"h": 0, "c": 1}),
        ("gru", {"h": 1}),
        ("rnn", {"h": 0}),
        (Squares, {"h": 2}),
        (SquaresOfAnother, {"h": 2, "c": 1}),
    ],
)
def test_how_states_grow(cell, wanted: dict[str, int]):
    assert degrees(graph(cell)) == wanted
