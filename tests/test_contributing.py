"""How to add a cell is one page, and the cell on it works: it conforms, and its formula is what it computes."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
import torch

import keepgate.equations
from conformance.engines import HERE, run
from conformance.oracle import solve
from conformance.problems import Setting, problem
from conformance.tolerances import assert_all_close, assert_close
from keepgate import cells
from pages import ROOT, blocks

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CELL, FORMULA = blocks("CONTRIBUTING.md", "python")


@pytest.fixture
def cell(tmp_path):
    """The cell of the page, read as a user's file is."""
    file = tmp_path / re.search(r"cells/(\w+\.py)`:", TEXT).group(1)
    file.write_text(CELL)
    name = re.search(r"class (\w+)", CELL).group(1)
    return cells.get(f"{file}:{name}")


def test_it_is_a_page():
    assert len(TEXT.splitlines()) <= 100


def test_the_file_begins_with_its_paper(cell):
    assert ast.get_docstring(ast.parse(CELL)).startswith(cell.paper.split()[0])
    assert cell.paper.split()[-1] in CELL.splitlines()[0]
    assert f"cells/{cell.name}.py" in TEXT


@pytest.mark.parametrize("engine", HERE)
def test_the_cell_conforms(cell, engine: str):
    tried = problem("page", cell.equations, Setting(steps=6, batch=4, lengths=(6, 0, 3, 1)))
    got, wanted = run(engine, tried), solve(tried)
    assert_close("output", got.output, wanted.output)
    assert_all_close("gradient of", got.gradients, wanted.gradients)


def test_the_formula_is_what_the_cell_computes(cell):
    scope: dict = {}
    exec(FORMULA, scope)
    formula = scope[cell.name]
    tried = problem("formula", cell.equations, Setting(steps=6))
    parameters = {name: value.numpy() for name, value in tried.parameters.items()}
    state, outputs = {"h": tried.arguments.state["h"].numpy()}, []
    for x in tried.arguments.x.numpy():
        state = formula(x, state, parameters, {})
        outputs.append(state["h"])
    assert_close("output", run("reference", tried).output, torch.tensor(np.stack(outputs)))


def test_the_language_that_it_lists_is_the_language():
    table = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    listed = set(re.findall(r"\b[a-z_]+\b", " ".join(re.findall(r"`([^`]+)`", table))))
    functions = {
        name
        for name in keepgate.equations.__all__
        if name.islower() and name not in ("compile_program", "constant", "size")
    }
    assert functions <= listed


def test_the_files_that_it_names_are_there():
    for path in re.findall(r"`((?:src|tests)/[\w/]+\.py|tests/\w+)`", TEXT):
        assert (ROOT / path).exists() or path.endswith("/minimal_gated.py"), path
