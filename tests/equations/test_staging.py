"""The staged program: every value is known when it is read, and the tape holds no more than it must."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from conformance.cells import CELLS
from conformance.random_cells import RandomCell, cells
from keepgate.equations import Program, compile_program
from keepgate.equations.expression import LEAVES
from keepgate.equations.graph import Equations
from keepgate.equations.program import Affine, Stage


def read_by(product) -> tuple[int, ...]:
    return tuple(term.source for term in product.terms) if isinstance(product, Affine) else product.deltas


def run(stages: tuple[Stage, ...], known: set[int]) -> set[int]:
    """Walk through stages as a machine would; fail where a value is read before it is there, or made twice."""
    known = set(known)
    for stage in stages:
        before = set(known)
        for product in stage.products:
            assert set(read_by(product)) <= before, "a product reads a value of its own stage"
            assert product.target not in known
            known.add(product.target)
        for row in stage.ops:
            assert set(row.args) <= known, f"{row.op} reads a value that is not there"
            assert row.target not in known
            known.add(row.target)
    return known


def check(program: Program) -> None:
    leaves = {number for number, value in enumerate(program.values) if value.kind in LEAVES}
    cotangents = {number for number in leaves if program.values[number].kind == "cotangent"}
    after = run(program.forward, leaves - cotangents)
    assert set(program.new.values()) <= after
    assert set(program.kept) <= after - leaves - set(program.new.values())
    known = leaves | set(program.kept) | set(program.new.values())
    behind = run(program.backward, known)
    wanted = {*program.last.values(), *program.step_inputs.values(), *program.vectors.values()}
    wanted |= {outer.delta for outer in program.outers} | {outer.source for outer in program.outers}
    assert wanted | ({program.x} - {None}) <= behind
    used = {arg for stage in program.backward for row in stage.ops for arg in row.args} | wanted
    used |= {number for stage in program.backward for product in stage.products for number in read_by(product)}
    assert set(program.kept) <= used, "a value is kept that the backward step does not read"


@pytest.mark.parametrize("cell", CELLS)
def test_every_value_is_known_when_it_is_read(cell: str):
    check(compile_program(CELLS[cell].equations))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(cells())
def test_every_value_is_known_when_it_is_read_in_random_cells(cell: RandomCell):
    check(compile_program(cell.equations))


# Stages forwards: one, and one more for each map of a value that the same step computes.
STAGES = {"rnn": 1, "lstm": 1, "gru": 1, "peephole_lstm": 1, "gru_cho": 2, "multiplicative_lstm": 2}


@pytest.mark.parametrize("cell", STAGES)
def test_stages(cell: str):
    program = compile_program(CELLS[cell].equations)
    assert len(program.forward) == STAGES[cell]
    assert len(compile_program(CELLS["projected(lstm, 3)"].equations).forward) == 2


def test_products_of_the_input_are_hoisted_and_no_others():
    for cell in CELLS.values():
        program = compile_program(cell.equations)
        for stage in program.forward:
            for product in stage.products:
                for term in product.terms:
                    assert term.hoisted == (program.values[term.source].kind == "input")


def test_lstm_keeps_its_four_gates():
    program = compile_program(CELLS["lstm"].equations)
    assert len(program.kept) == 4
    assert {row.op for row in program.forward[0].ops if row.target in program.kept} == {"sigmoid", "tanh"}


def test_parameters_and_blocks_agree():
    for cell in CELLS.values():
        equations: Equations = cell.equations
        program = compile_program(equations)
        stacked = {p.name: p.gates for p in equations.parameters(3, 4) if p.gates}
        wanted = {f"weight_{block}": gates for block, gates in program.blocks.items()}
        assert stacked == wanted | {f"bias_{block}": gates for block, gates in program.biases.items()}
