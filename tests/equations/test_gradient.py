"""The gradient as equations: what it shares, what it leaves out, and what it does with values that are read twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from conformance.cells import CELLS
from conformance.random_cells import RandomCell, cells
from keepgate.equations import Cell, affine, compile_program, tanh, where
from keepgate.equations.expression import topological
from keepgate.equations.gradient import differentiate
from keepgate.equations.graph import Equations


def check_shared(equations: Equations) -> None:
    """No value is computed twice, by forward and backward graph together."""
    gradient = differentiate(equations)
    seen: set[tuple[object, ...]] = set()
    for node in topological([*gradient.equations.new.values(), *gradient.outputs]):
        key = (node.op, node.attrs, node.width, *(arg.serial for arg in node.args))
        assert key not in seen
        seen.add(key)


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_computed_twice(cell: str):
    check_shared(CELLS[cell].equations)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(cells())
def test_nothing_is_computed_twice_in_random_cells(cell: RandomCell):
    check_shared(cell.equations)


def test_lstm_has_one_delta_a_gate_and_one_product_back():
    gradient = differentiate(CELLS["lstm"].equations)
    assert list(gradient.sources) == list(gradient.deltas)
    assert set(gradient.deltas) == {(gate, letter) for gate in "ifgo" for letter in "ih"}
    assert all(gradient.deltas[gate, "i"] is gradient.deltas[gate, "h"] for gate in "ifgo")
    assert gradient.last["h"].op == "transposed"
    assert gradient.last["h"].attrs == ("h", ("i", "f", "g", "o"))


def test_a_state_that_nothing_reads_has_no_cotangent():
    assert "h" not in differentiate(CELLS["peephole_lstm_full"].equations).last


def test_a_condition_passes_no_gradient():
    class Chosen(Cell):
        def step(self, x, last):
            return self.State(h=where(affine("q", x) < 0, last.h, tanh(affine("n", x))))

    gradient = differentiate(Chosen().equations)
    assert set(gradient.deltas) == {("n", "i")}
    assert [outer.gate for outer in compile_program(Chosen().equations).outers] == ["n"]


def test_an_input_that_is_not_read_has_no_cotangent():
    class Autonomous(Cell):
        def step(self, x, last):
            return self.State(h=tanh(affine("n", last.h)))

    assert differentiate(Autonomous().equations).x is None
