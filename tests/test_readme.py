"""The README is true: its Python and its commands run, its tables are those of the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keepgate import cells
from keepgate.scan import ENGINES
from pages import ROOT, blocks

TEXT = (ROOT / "README.md").read_text()
COMMANDS = [line.partition(" #")[0].strip() for block in blocks("README.md", "sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the Python of the page has run, all blocks in one program."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "page.py").write_text("\n".join(blocks("README.md", "python")))
    run([sys.executable, "-W", "error", "page.py"], folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_python_runs(place: Path):
    assert (place / "history.csv").exists()
    assert (place / "model" / "model.safetensors").exists()


@pytest.mark.slow
def test_its_commands_run(place: Path):
    printed = {}
    for command in COMMANDS:
        if command.startswith("keepgate "):
            printed[command] = run([sys.executable, "-m", *shlex.split(command)], place)
    assert {path.name for path in (place / "runs" / "load").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "metrics.jsonl",
        "report.html",
    }
    assert (place / "forecast.csv").read_text().count("\n") == 1 + 14
    assert (place / "again.csv").read_bytes() == (place / "history.csv").read_bytes()
    assert "seasonal naive" in printed["keepgate evaluate runs/load history.csv"]
    assert printed["keepgate show peephole_lstm"] == blocks("README.md", "text")[0]
    assert {command.split()[1] for command in printed} == {
        "fit",
        "predict",
        "evaluate",
        "transcribe",
        "export",
        "cells",
        "show",
        "suggest",
        "translate",
        "write",
        "doctor",
        "compress",
        "decompress",
    }


def test_the_first_screen():
    """What it is, some ten lines of Python, and two commands."""
    screen = TEXT.splitlines()[:32]
    assert screen[0] == "# keepgate"
    assert "Long short-term memory for Python" in screen[2]
    assert 8 <= len([line for line in blocks("README.md", "python")[0].splitlines() if line.strip()]) <= 14
    assert [line.split("  #")[0] for line in screen if line.startswith("make ")] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_knows_its_targets(command: str):
    assert run(["make", "--dry-run", command.split()[1]], ROOT)


def rows(heading: str) -> list[list[str]]:
    section = re.search(rf"^## {heading}$(.*?)^(?:## |\Z)", TEXT, re.MULTILINE | re.DOTALL).group(1)
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_cells_is_the_registry():
    table = rows("Cells")
    assert [(name, paper) for name, paper, _ in table] == [(k, v.paper) for k, v in cells.registry().items()]
    for name, _, place in table:
        package, _, made = place.rpartition(".")
        assert package == "keepgate.cells"
        assert getattr(cells, made) is cells.registry()[name]


def test_the_modifiers_are_named():
    section = TEXT[TEXT.index("Modifiers are functions") : TEXT.index("Wherever a cell is named")]
    assert set(re.findall(r"`(\w+)\(cell", section)) == set(cells.modifiers())


def test_the_table_of_engines():
    assert {name for name, _ in rows("Engines")} == set(ENGINES)


def test_each_wish_is_proved_by_a_test_that_exists():
    section = TEXT[TEXT.index("\n## Asked of torch.nn.LSTM\n") : TEXT.index("\n## Objectives\n")]
    table = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(table) > 15
    for line in table:
        [(name, path)] = re.findall(r"\[(test_\w+)\]\((tests/[\w/]+\.py)\) \|$", line)
        assert f"\ndef {name}(" in (ROOT / path).read_text(), line


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target
