"""Equations in a model file: they come back the same, and whatever is damaged is refused or harmless."""

from __future__ import annotations

import copy
import json
import math
import pickle
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cells import CELLS
from conformance.random_cells import RandomCell, cells
from keepgate.equations import Equations, WrittenCell, compile_program
from keepgate.errors import CellError
from keepgate.testing.oracle import solve
from keepgate.testing.problems import Setting, problem

SMALL = Setting(steps=2, batch=2, inputs=2, hidden=3)


def plain(equations: Equations) -> Any:
    return json.loads(json.dumps(equations.to_json(), allow_nan=False))


def through_json(equations: Equations) -> Equations:
    return Equations.from_json(plain(equations))


@pytest.mark.parametrize("cell", CELLS)
def test_comes_back_the_same(cell: str):
    equations = CELLS[cell].equations
    again = through_json(equations)
    assert again.dumps() == equations.dumps()
    assert str(again) == str(equations)
    assert again.parameters(4, 5) == equations.parameters(4, 5)
    before, after = (solve(problem(cell, e, SMALL)) for e in (equations, again))
    for name, value in before.gradients.items():
        np.testing.assert_array_equal(after.gradients[name], value)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(cells())
def test_random_cells_come_back_the_same(cell: RandomCell):
    assert through_json(cell.equations).dumps() == cell.equations.dumps()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_read_cell_can_be_copied(copied):
    cell = WrittenCell(through_json(CELLS["zoneout(lstm, 0.25)"].equations))
    assert copied(cell).equations.dumps() == cell.equations.dumps()


# One number of a sound file is replaced by something that it must not be.
LSTM = plain(CELLS["projected(lstm, 3)"].equations)
OPERATIONS = [node["op"] for node in LSTM["nodes"]]
AFFINE, SIGMOID, LAST = (OPERATIONS.index(op) for op in ("affine", "sigmoid", "last"))
DAMAGE = {
    "an unknown operation": (("nodes", SIGMOID, "op"), "__import__"),
    "an operation of the gradient": (("nodes", SIGMOID, "op"), "transposed"),
    "an argument that comes later": (("nodes", SIGMOID, "args"), [99]),
    "an argument before the first": (("nodes", SIGMOID, "args"), [-1]),
    "an argument that is no number": (("nodes", SIGMOID, "args"), ["0"]),
    "an argument that is true": (("nodes", SIGMOID, "args"), [True]),
    "no argument": (("nodes", SIGMOID, "args"), []),
    "attributes that are missing": (("nodes", LAST, "attrs"), []),
    "a gate that is code": (("nodes", AFFINE, "attrs", 0), "i; import os"),
    "a gate without end": (("nodes", AFFINE, "attrs", 0), "i" * 201),
    "letters that are too few": (("nodes", AFFINE, "attrs", 1), ["i"]),
    "letters that are twice the same": (("nodes", AFFINE, "attrs", 1), ["i", "i"]),
    "a bias of no source": (("nodes", AFFINE, "attrs", 2), ["q"]),
    "an unknown width": (("nodes", AFFINE, "width"), "wide"),
    "a width that does not follow": (("nodes", SIGMOID, "width"), "input"),
    "a width that is a list": (("nodes", SIGMOID, "width"), ["hidden"]),
    "no nodes": (("nodes",), []),
    "nodes that are text": (("nodes",), "abc"),
    "a node that is a number": (("nodes", 4), 7),
    "too many nodes": (("nodes",), LSTM["nodes"][:1] * 10_001),
    "no states": (("new",), {}),
    "a state that is no value": (("new", "h"), 1_000),
    "a state before the first": (("new", "h"), -1),
    "a state of the input's width": (("new", "c"), 0),
    "a state that is no name": (("new",), {"a b": 4}),
    "a name for no value": (("named", "i"), None),
    "a size of zero": (("sizes", "projection"), 0),
    "a size beyond all memory": (("sizes", "projection"), 10**12),
    "a size that is true": (("sizes", "projection"), True),
    "a size of the input": (("sizes",), {"projection": 3, "input": 5}),
    "no size for a width": (("sizes",), {}),
    "a name that is a number": (("name",), 5),
}


def test_operations_under_their_old_names_are_read():
    equations = CELLS["layer_norm(lstm)"].equations
    old = json.dumps(equations.to_json()).replace('"normalize"', '"normalise"')
    assert "normalise" in old
    assert Equations.from_json(json.loads(old)).dumps() == equations.dumps()


def damaged(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    data = copy.deepcopy(data)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused(damage: str):
    with pytest.raises(CellError, match=r"^the equations in the model file are damaged: .*; save the model again$"):
        Equations.from_json(damaged(LSTM, *DAMAGE[damage]))


@pytest.mark.parametrize("key", LSTM)
def test_a_missing_part_is_named(key: str):
    with pytest.raises(CellError, match=f"damaged: '{key}' is missing; save the model again"):
        Equations.from_json({k: v for k, v in LSTM.items() if k != key})


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, "1", None, True])
def test_a_constant_is_a_finite_number(value: Any):
    data = plain(CELLS["lstm_1997"].equations)
    place = next(i for i, node in enumerate(data["nodes"]) if node["op"] == "constant")
    with pytest.raises(CellError, match="damaged"):
        Equations.from_json(damaged(data, ("nodes", place, "attrs"), [value]))


@pytest.mark.parametrize("data", [None, [], "lstm", 3, {"nodes": None}])
def test_what_is_no_graph_at_all(data: Any):
    with pytest.raises(CellError, match="damaged"):
        Equations.from_json(data)


SOUND = [plain(CELLS[name].equations) for name in ("lstm", "everything", "zoneout(lstm, 0.25)", "projected(lstm, 3)")]
WORDS = ["hidden", "unit", "input", "projection", "tanh", "add", "affine", "last", "vector", "h", "c", "i", "q"]
SCRAPS = {
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(-2, 40),
    float: st.floats(),
    str: st.sampled_from(WORDS) | st.text(max_size=3),
    list: st.lists(st.integers(0, 9) | st.sampled_from(WORDS), max_size=3),
    dict: st.dictionaries(st.sampled_from(WORDS), st.integers(0, 9), max_size=2),
}


def paths(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [here] * bool(here) + [path for key, value in inside for path in paths(value, (*here, key))]


@st.composite
def damaged_graphs(draw: st.DrawFn) -> Any:
    data = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(data)))
        kinds = st.just(SCRAPS[type(reduce(getitem, path, data))]) | st.sampled_from(list(SCRAPS.values()))
        data = damaged(data, path, draw(draw(kinds)))
    return data


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a sound graph may take the logarithm of -1
@settings(max_examples=600, deadline=None, derandomize=True)
@given(damaged_graphs())
def test_a_damaged_graph_is_refused_or_runs(data: Any):
    try:
        equations = Equations.from_json(data)
    except CellError:
        return
    assert equations.latex()
    compile_program(equations)
    solve(problem("damaged", equations, SMALL))
