"""Cells by name, by specification and from a user's file; what is wrong with a specification is one sentence."""

from __future__ import annotations

import inspect
import math
import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepgate import cells
from keepgate.cells import GRU, LSTM
from keepgate.equations import Cell
from keepgate.errors import CellError, InputError, KeepgateError
from pages import ROOT

# Parameters for I = 5, H = 7 by the closed formulas: matrices I*H and H*H, vectors H.
M, U, V = 5 * 7, 7 * 7, 7
PARAMETERS = {
    "lstm_1997": 3 * (M + U + 2 * V),
    "lstm": 4 * (M + U + 2 * V),
    "peephole_lstm": 4 * (M + U + 2 * V) + 3 * V,
    "peephole_lstm_full": 4 * (M + V) + 3 * U,
    "coupled_lstm": 3 * (M + U + 2 * V),
    "gru": 3 * (M + U + 2 * V),
    "gru_cho": 3 * (M + U + 2 * V),
    "rnn": M + U + 2 * V,
    "time_aware_lstm": 4 * (M + U + 2 * V) + U + V,
    "multiplicative_lstm": 5 * M + U + 4 * U + 4 * V,
    "atr": M + U + 2 * V,
    "brc": 3 * (M + V) + 2 * V,
    "nbrc": 3 * (M + V) + 2 * (U + V),
    "cfn": 3 * (M + V) + 2 * (U + V),
    "cornn": M + 2 * U + 2 * V,
    "fastrnn": M + U + 2 * V + 2,
    "fastgrnn": M + U + 2 * V + 2,
    "indrnn": M + 2 * V,
    "janet": 2 * (M + U + 2 * V),
    "lem": 4 * (M + V) + 3 * (U + V) + U,
    "light_gru": 2 * (M + U + 2 * V),
    "light_ru": 2 * (M + V) + U + V,
    "mgu": 2 * (M + U + 2 * V),
    "minimal_rnn": M + V + 2 * U + V,
    "mut2": 3 * (M + U + 2 * V),
    "mut3": 3 * (M + U + 2 * V),
    "nas": 8 * (M + U + 2 * V),
    "ran": 2 * (M + U + 2 * V) + M,
    "residual_lstm": 4 * (M + U + 2 * V) + 3 * V + U + M,
    "rhn": 2 * (M + U + 2 * V) + 2 * (U + V),
    "scrn": 2 * M + 2 * U + 2 * V,
    "sgu": 2 * (M + V) + 2 * (U + V),
    "dsgu": 2 * (M + V) + 2 * (U + V) + U,
    "star": 2 * (M + V) + U + V,
    "trnn": 2 * (M + V),
    "tgru": 6 * M + 3 * V,
    "tlstm": 6 * M + 3 * V,
    "tau_gru": 4 * (M + V) + 3 * (U + V) + U,
    "ugrnn": 2 * (M + U + 2 * V),
    "unicornn": M + V + 2 * V,
    "working_memory_lstm": 4 * (M + U + 2 * V) + 3 * (U + V),
    "min_lstm": 3 * (M + V),
    "min_gru": 2 * (M + V),
    "sru": 4 * M + 4 * V,
    "qrnn": 6 * M + 3 * V,
    "nested_lstm": 4 * (M + U + 2 * V) + 8 * U + 4 * V,
    "slstm": 4 * (M + U + 2 * V),
    "mut1": 3 * M + 2 * U + 4 * V,
    "coupled(lstm)": 3 * (M + U + 2 * V),
    "no_output_activation(lstm)": 4 * (M + U + 2 * V),
    "zoneout(lstm)": 4 * (M + U + 2 * V),
    "recurrent_dropout(lstm)": 4 * (M + U + 2 * V),
    "variational(lstm)": 4 * (M + U + 2 * V),
    "activation(lstm, 'relu')": 4 * (M + U + 2 * V),
    "projected(lstm, 3)": 4 * (M + 3 * V + 2 * V) + 3 * V,
    "layer_norm(lstm)": 4 * (M + U + 3 * V) + 2 * V,
}


@pytest.mark.parametrize("spec", PARAMETERS)
def test_number_of_parameters(spec: str):
    shapes = [parameter.shape for parameter in cells.get(spec).equations.parameters(5, 7)]
    assert sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes) == PARAMETERS[spec]


def test_every_cell_and_modifier_is_counted():
    assert set(cells.registry()) == {spec for spec in PARAMETERS if "(" not in spec}
    assert set(cells.modifiers()) == {spec.partition("(")[0] for spec in PARAMETERS if "(" in spec}


def test_the_page_of_cells_is_the_registry():
    page = (ROOT / "docs" / "cells.md").read_text()
    table = [
        [part.strip("` ") for part in line.strip("|").split(" | ")] for line in page.splitlines() if line[:3] == "| `"
    ]
    assert [row[0] for row in table] == list(cells.registry())
    for name, summary, paper, states, parameters in table:
        cell = cells.get(name)
        assert inspect.getdoc(type(cell)).startswith(summary)
        assert cell.paper == paper
        assert states in (", ".join(cell.state), f"{cell.state[0]} to {cell.state[-1]}")
        assert f"{sum(math.prod(p.shape) for p in cell.equations.parameters(64, 64)):,}" == parameters


@pytest.mark.parametrize("name", cells.registry())
def test_each_cell_is_a_file_that_begins_with_its_paper(name: str):
    cell = cells.registry()[name]
    first = Path(sys.modules[cell.__module__].__file__).read_text().splitlines()[0]
    author, year = re.match(r"([\w&]+).*?(\d{4})", cell.paper).groups()
    assert first.startswith('"""')
    assert author in first
    assert year in first
    assert cell.name == name
    assert sys.modules[cell.__module__].__name__ == f"keepgate.cells.{name}"


def test_a_cell_stands_for_itself():
    cell = LSTM()
    assert cells.get(cell) is cell
    assert isinstance(cells.get(GRU), GRU)
    assert cells.get(cell.equations).equations is cell.equations
    assert cells.get(" lstm ").name == "lstm"


SPECS = [
    *PARAMETERS,
    "rnn('relu')",
    "rnn(nonlinearity='relu')",
    "zoneout(lstm, {'h': 0.05, 'c': 0.5})",
    "zoneout(layer_norm(projected(coupled(peephole_lstm), 3)), 0.25)",
    "layer_norm(zoneout(gru, rate=0.1))",
]


@pytest.mark.parametrize("spec", SPECS)
def test_specifications(spec: str):
    assert cells.get(spec).equations.states[0] == "h"


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "rnn" not in spec])
def test_the_name_of_a_modified_cell_is_its_specification(spec: str):
    cell = cells.get(spec)
    assert cells.get(cell.name).equations.dumps() == cell.equations.dumps()


MISTAKES = {
    "lstn": r"^unknown cell 'lstn'; there are lstm_1997, lstm, .* the modifiers .*, and path/to/file.py:Name$",
    "": "^unknown cell ''; there are",
    "lstm(": "^unknown cell 'lstm\\('; there are",
    "lstm; import os": "unknown cell",
    "__import__('os').getcwd()": "unknown cell",
    "(" * 1_000: "unknown cell",
    "\0": "unknown cell",
    "zoneout": "^cell 'zoneout': zoneout modifies a cell, as in zoneout\\(lstm\\)$",
    "zoneout()": "^cell 'zoneout\\(\\)': zoneout modifies a cell",
    "zoneout(lstn)": "unknown cell 'lstn'",
    "lstm(3)": r"^cell 'lstm\(3\)': too many positional arguments$",
    "rnn(linearity='relu')": "got an unexpected keyword argument 'linearity'",
    "rnn('sigmoid')": "^nonlinearity is one of tanh, relu; got 'sigmoid'$",
    "rnn([1])": "^nonlinearity is one of tanh, relu; got \\[1\\]$",
    "projected(lstm)": "missing a required argument: 'size'",
    "projected(lstm, 0)": "^projected takes a positive size, got 0$",
    "projected(lstm, 2.5)": "^projected takes a positive size, got 2.5$",
    "projected(lstm, True)": "^projected takes a positive size, got True$",
    "projected(lstm, size)": "^cell .* options are plain values, not 'size'$",
    "projected(lstm, 1 + 1)": "options are plain values, not '1 \\+ 1'",
    "zoneout(lstm, {[]: 1})": "options are plain values",
    "zoneout(lstm, 1.5)": "^zoneout: the rate of h is a probability from 0 to 1, got 1.5$",
    "zoneout(lstm, 'much')": "^zoneout: the rate of h is a probability from 0 to 1, got 'much'$",
    "zoneout(gru, {'c': 0.5})": "^zoneout: gru has no state 'c'; its states are h$",
    "projected(lstm, 1000000000000)": "^projected takes a size up to 1,000,000, got 1000000000000$",
    "layer_norm(" * 20 + "lstm" + ")" * 20: "has more than 16 modifiers around each other$",
    "lstm" + " " * 2_000 + "()": "^cell 'lstm .* has 2,006 characters, more than 1,000$",
    "x" * 10**6: "^cell 'xxx.* has 1,000,000 characters, more than 1,000$",
    "zoneout(lstm, {1: []})": "^zoneout: lstm has no state 1",
    "activation(lstm, [])": "cell .*unhashable type",
    "a.py:b:Cell": "^cell 'a.py:b:Cell': there is no file a.py:b$",
    ("x" * 500) + ".py:Cell": "there is no file xxx",
    "\0.py:Cell": "there is no file",
    "no/such/file.py:Cell": "^cell 'no/such/file.py:Cell': there is no file no/such/file.py$",
}


@pytest.mark.parametrize("spec", MISTAKES)
def test_mistakes_in_a_specification(spec: str):
    with pytest.raises(InputError, match=MISTAKES[spec]) as caught:
        cells.get(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", [3, None, LSTM.step, object])
def test_what_is_no_specification(spec):
    with pytest.raises(InputError, match=r"^a cell is a name, a Cell or Equations; got "):
        cells.get(spec)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text("lstmgru_zoneoutprjced(),'\"[]{}:.=+*- 0123", max_size=30) | st.text(max_size=10))
def test_any_text_is_a_cell_or_one_sentence(spec: str):
    with suppress(KeepgateError):
        assert isinstance(cells.get(spec), Cell)


USERS = '''"""My cells."""

from keepgate.cells import layer_norm
from keepgate.equations import Cell, affine, sigmoid, tanh


class Minimal(Cell):
    """One gate."""

    state = ("h",)

    def step(self, x, last):
        f = sigmoid(affine("f", x, last.h))
        return self.State(h=f * last.h + (1 - f) * tanh(affine("n", x, h=f * last.h)))


class Wrong(Cell):
    def step(self, x, last):
        return self.State(h=tanh(affine("n", x, last.c)))


class Sized(Cell):
    def __init__(self, size):
        self.size = size


minimal = layer_norm(Minimal())
'''


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(USERS)
    return tmp_path / "mine.py"


def test_a_cell_in_a_file(users_file: Path):
    cell = cells.get(f"{users_file}:Minimal")
    assert [parameter.name for parameter in cell.equations.parameters(2, 3)] == [
        "weight_ih",
        "weight_hh",
        "bias_ih",
        "bias_hh",
    ]
    assert cells.get(f"{users_file}:minimal").name == "layer_norm(Minimal)"
    assert cells.get(f"zoneout('{users_file}:Minimal', 0.1)").name == "zoneout(Minimal, 0.1)"


def test_a_wrong_cell_in_a_file_names_its_line(users_file: Path):
    with pytest.raises(CellError, match=rf"{users_file}, line 19 .*: Wrong has no state 'c'"):
        _ = cells.get(f"{users_file}:Wrong").equations


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Maximal", "has no cell Maximal; it has Minimal, Wrong, Sized$"),
        ("Sized", "^Sized takes arguments; give a cell made with them, such as mine = Sized\\(...\\)$"),
        ("tanh", "has no cell tanh; it has"),
        ("", "has no cell ; it has"),
    ],
)
def test_a_name_that_is_no_cell_of_the_file(users_file: Path, name: str, message: str):
    with pytest.raises(InputError, match=message):
        cells.get(f"{users_file}:{name}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_package", "fails to run: ModuleNotFoundError: No module named 'no_such_package'$"),
        ("def f(:\n", "fails to run: SyntaxError"),
        ("1 / 0", "fails to run: ZeroDivisionError: division by zero$"),
        ("", "has no cell C; it has none$"),
    ],
)
def test_a_file_that_fails(tmp_path: Path, text: str, message: str):
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(InputError, match=message):
        cells.get(f"{tmp_path / 'broken.py'}:C")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit(0)", "fails to run: SystemExit: 0"),
        ("raise KeyError('x')", "fails to run: KeyError: 'x'"),
        ("from keepgate.equations import Cell\nclass A(Cell):\n  def __init__(self): 1 / 0", "ZeroDivisionError"),
        (
            "from keepgate.equations import Cell\nclass A(Cell):\n  def step(self, x, last): raise SystemExit(3)",
            "c.py, line 3",
        ),
    ],
)
def test_a_file_that_stops_the_program_is_refused(code, message, tmp_path):
    (tmp_path / "c.py").write_text(code)
    with pytest.raises(KeepgateError) as caught:
        _ = cells.get(f"{tmp_path}/c.py:A").equations
    assert message in str(caught.value)


def test_files_can_be_left_alone(tmp_path):
    (tmp_path / "c.py").write_text("raise SystemExit")
    for spec in ("{}", "'{}'", "zoneout({})", "zoneout('{}')", 'layer_norm(zoneout("{}", 0.1))'):
        with pytest.raises(InputError, match="is in a file, which is not run here"):
            cells.get(spec.format(f"{tmp_path}/c.py:A"), files=False)


@pytest.mark.parametrize("spec", ["layer_norm({})", "zoneout( layer_norm({}), 0.1)", "layer_norm('{}')"])
def test_a_cell_of_a_file_is_modified(spec, tmp_path):
    (tmp_path / "c.py").write_text("from keepgate.cells import LSTM\nMine = LSTM()")
    wanted = cells.get(re.sub(r"'?{}'?", "lstm", spec))
    assert str(cells.get(spec.format(f"{tmp_path}/c.py:Mine")).equations) == str(wanted.equations)
