"""How to add a cell, a block and a task is a page each, and what is on it works, followed word for word."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib

import numpy as np
import pytest
import torch

import keepgate.equations
from conformance import blocks as rows
from conformance.interpreters import INTERPRETERS, reference
from export.running import run as run_onnx
from keepgate import cells, export, networks, tasks
from keepgate.cli import main
from keepgate.export import blocks as onnx_blocks
from keepgate.nn import blocks as torch_blocks
from keepgate.runtime import blocks as numpy_blocks
from keepgate.tasks.common.padded import pad_frames
from keepgate.testing import check_cell
from keepgate.testing.tolerances import TOLERANCE, error
from pages import ROOT, blocks
from tasks import tiny

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CELL, FORMULA, CHECK, *REST = blocks("CONTRIBUTING.md", "python")
BLOCK, TASK = REST[:5], REST[5:]


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
    assert [section.splitlines()[0] for section in sections[1:]] == [
        "Adding a cell",
        "Adding a block",
        "Adding a task",
        "The estimator of a task",
        "The face and the tests of a task",
        "Tests",
        "House rules",
    ]


def test_the_file_begins_with_its_paper(cell):
    assert ast.get_docstring(ast.parse(CELL)).startswith(cell.paper.split()[0])
    assert cell.paper.split()[-1] in CELL.splitlines()[0]
    assert f"cells/{cell.name}.py" in TEXT


def test_the_cell_is_checked_as_the_page_says(cell):
    scope = {"MinimalGated": type(cell)}
    exec(FORMULA, scope)
    assert CHECK.splitlines()[-1] == f"check_cell({type(cell).__name__}, {cell.name})"
    exec(CHECK, scope)
    assert set(check_cell(cell).errors) >= {"reference"}
    with pytest.raises(AssertionError, match="minimal_gated, against its formula: output: error"):
        check_cell(cell, lambda *given: {"h": 1.01 * scope[cell.name](*given)["h"]})


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
        assert (ROOT / path).exists() or path.endswith("/minimal_gated.py") or "/gauge/" in path, path


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


@pytest.fixture
def task(tmp_path, monkeypatch):
    """The task of the page: its files where the page says, but below another folder, and its row."""
    parameters, network, estimator, face, row = TASK
    package = tmp_path / "tasks" / "gauge"
    package.mkdir(parents=True)
    files = {"__init__": "", "parameters": parameters, "network": network, "estimator": estimator, "face": face}
    for name, text in files.items():
        assert name == "__init__" or f"{name}.py`" in TEXT
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(package.parent)])
    name, classes = re.search(r"row in `TASKS` of `tasks/registry.py`, `\"(\w+)\": (\(.*?\))`", TEXT).groups()
    monkeypatch.setitem(tasks.TASKS, name, ast.literal_eval(classes))
    scope = {"Tiny": tiny.Tiny}
    exec(row, scope)
    monkeypatch.setitem(tiny.TINY, name, scope["row"])
    yield name
    for module in [module for module in sys.modules if module.startswith("keepgate.tasks.gauge")]:
        del sys.modules[module]


def test_the_task_is_fitted_and_asked_by_the_command_line(task, tmp_path, capsys):
    data, run = tmp_path / "levels.csv", tmp_path / "run"
    tiny.TINY[task].write(data)
    fit = ["fit", task, str(data), "--out", str(run), "--epochs", "60", "--learning-rate", "0.05", "--no-bidirectional"]
    assert main([*fit, "--valid", str(data)]) == 0
    assert main(["evaluate", str(run), str(data)]) == 0
    rows = capsys.readouterr().out.splitlines()[-2:]
    scores = {row.split()[0]: float(row.split()[1]) for row in rows}
    levels = np.arange(8)  # the number of each series
    assert scores["mean"] == pytest.approx(levels.var())
    assert scores["lstm"] < scores["mean"] / 4
    assert main(["predict", str(run), str(data)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == '"unique_id","label_hat"'
    found = [float(line.split(",")[1]) for line in lines]
    assert np.square(found - levels).mean() == pytest.approx(scores["lstm"], rel=1e-3)
    assert "<h2>Scores on the held-out data</h2>" in (run / "report.html").read_text()


def test_the_model_of_the_task_is_kept_and_exported(task, tmp_path):
    estimator, data = tiny.fit(task, tmp_path)
    estimator.save(tmp_path / "run")
    again = tasks.load(tmp_path / "run")
    assert tiny.answers(again, data) == tiny.answers(estimator, data)
    assert "bidirectional: read the sequence in both directions (default: False)." in type(again).__doc__
    sequences = tasks.face(again).read_alike(data)
    x, lengths = pad_frames(sequences.values)
    (got,) = run_onnx(export.onnx(again), {"input": x.numpy(), "lengths": lengths.numpy()})
    np.testing.assert_allclose(got[:, 0], again.predict(sequences.values), rtol=1e-4, atol=1e-6)


def test_the_task_is_to_be_named_where_the_arrows_are_drawn(task):
    """The linter refuses a package of tasks that its contract does not name, and the page says so."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one.get("containers") == ["keepgate.tasks"]]
    assert contract["exhaustive"]
    assert set(contract["layers"][0].split(" | ")) == {*tasks.TASKS} - {task}
    assert "its name\nin the layers of `pyproject.toml`" in TEXT
