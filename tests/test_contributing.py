"""How to add a cell is one page, and the cell on it works: it conforms, and its formula is what it computes."""

from __future__ import annotations

import ast
import json
import re

import numpy as np
import pytest
import torch

import keepgate.equations
from conformance import blocks as rows
from conformance.engines import HERE, run
from conformance.interpreters import INTERPRETERS, reference
from conformance.oracle import solve
from conformance.problems import Setting, problem
from conformance.tolerances import TOLERANCE, assert_all_close, assert_close, error
from keepgate import cells, networks
from keepgate.export import blocks as onnx_blocks
from keepgate.nn import blocks as torch_blocks
from keepgate.runtime import blocks as numpy_blocks
from pages import ROOT, blocks

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CELL, FORMULA, *BLOCK = blocks("CONTRIBUTING.md", "python")


@pytest.fixture
def cell(tmp_path):
    """The cell of the page, read as a user's file is."""
    file = tmp_path / re.search(r"cells/(\w+\.py)`:", TEXT).group(1)
    file.write_text(CELL)
    name = re.search(r"class (\w+)", CELL).group(1)
    return cells.get(f"{file}:{name}")


def test_each_section_is_a_page():
    sections = TEXT.split("\n## ")
    assert max(len(section.splitlines()) for section in sections) <= 75
    assert [section.splitlines()[0] for section in sections[1:]] == ["Adding a cell", "Adding a block", "House rules"]


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


@pytest.fixture
def block(monkeypatch):
    """The block of the page, put where the page says it goes."""
    description, *interpreters, row = BLOCK
    scope = {"__name__": "keepgate.networks.layers"}
    exec(description, scope)
    kind = scope["Prelu"]
    monkeypatch.setattr(networks, "Prelu", kind, raising=False)
    for module, text in zip((torch_blocks, numpy_blocks, onnx_blocks), interpreters, strict=True):
        own: dict = {}
        exec(text, own)
        monkeypatch.setitem(module.FUNCTIONS, kind, own["functions"])
        if "modules" in own:
            monkeypatch.setitem(module.MODULES, kind, own["modules"])
    exec(row, scope)
    monkeypatch.setitem(rows.ROWS, "page", scope["row"])
    yield kind
    networks.BLOCKS.pop("Prelu")


@pytest.mark.parametrize("name", INTERPRETERS)
def test_the_block_conforms(block, name: str):
    run_block, dtype = INTERPRETERS[name]
    for seed in range(6):
        one = rows.problem("page", seed)
        arguments = (one.network, one.tensors, one.given, one.wanted)
        (got,), (wanted,) = run_block(*arguments), reference(*arguments)
        assert error(torch.from_numpy(got), torch.from_numpy(wanted)) <= TOLERANCE[dtype]
        expected = np.where(one.given["x"] > 0, one.given["x"], one.given["x"] * one.tensors["step.weight"])
        np.testing.assert_allclose(wanted, expected, rtol=1e-12)


def test_the_block_goes_to_a_file_and_back(block):
    plain = json.loads(json.dumps(rows.problem("page", 0).network.to_json()))
    assert type(networks.Network.from_json(plain).steps[0].block) is block
