"""README and docs are true: their Python and their commands run, their tables are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keepgate import cells
from keepgate.cli import COMMANDS
from keepgate.scan import ENGINES
from pages import ROOT, blocks

TEXT = (ROOT / "README.md").read_text()
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]


def commands(page: str) -> list[str]:
    return [line.partition(" #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder beside a command `keepgate` that is this source tree."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "keepgate"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m keepgate "$@"\n')
    command.chmod(0o755)
    (tmp_path / "page").mkdir()
    return tmp_path / "page"


def run(command: list[str], folder: Path) -> str:
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    found = os.pathsep.join([str(folder.parent / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": paths, "PATH": found},
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_its_python_and_its_commands_run(page: str, place: Path):
    """All blocks of Python are one program; the commands find what it has written."""
    (place / "page.py").write_text("\n".join(blocks(page, "python")))
    run([sys.executable, "-W", "error", "page.py"], place)
    printed = {line: run(["sh", "-c", line], place) for line in commands(page) if not line.startswith(("make", "pip"))}
    assert EXPECTED.get(page, lambda place, printed: True)(place, printed)


EXPECTED = {
    "README.md": lambda place, printed: printed["keepgate show peephole_lstm"] == blocks("README.md", "text")[0],
    "docs/forecast.md": lambda place, printed: (
        (place / "forecast.csv").read_text().count("\n") == 1 + 14
        and "seasonal naive" in printed["keepgate evaluate runs/load history_and_after.csv"]
        and {path.name for path in (place / "runs" / "load").iterdir()}
        >= {"config.json", "model.safetensors", "metrics.jsonl", "report.html"}
    ),
    "docs/compress.md": lambda place, printed: (
        (place / "again.txt").read_bytes() == (place / "numbers.txt").read_bytes()
    ),
    "docs/translate.md": lambda place, printed: "a cat" in "".join(printed.values()),
}


def test_every_command_is_on_a_page():
    named = {word for page in PAGES for word in re.findall(r"\bkeepgate ([a-z]+)", (ROOT / page).read_text())}
    assert set(COMMANDS) <= named


def test_the_first_screen():
    """What it is, some ten lines of Python, and two commands."""
    screen = TEXT.splitlines()[:32]
    assert screen[0] == "# keepgate"
    assert "Long short-term memory for Python" in screen[2]
    assert 8 <= len([line for line in blocks("README.md", "python")[0].splitlines() if line.strip()]) <= 14
    assert [line.split("  #")[0] for line in screen if line.startswith("make ")] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [line for line in commands("README.md") if line.startswith("make ")])
def test_make_knows_its_targets(command: str):
    assert run(["make", "--dry-run", command.split()[1]], ROOT)


def rows(heading: str) -> list[list[str]]:
    section = re.search(rf"^## {heading}$(.*?)^(?:## |\Z)", TEXT, re.MULTILINE | re.DOTALL).group(1)
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


def test_the_modifiers_are_named():
    section = TEXT[TEXT.index("Modifiers are functions") : TEXT.index("Wherever a cell is named")]
    assert set(re.findall(r"`(\w+)\(cell", section)) == set(cells.modifiers())


def test_the_table_of_engines():
    assert {name for name, _ in rows("Engines")} == set(ENGINES)


def test_each_wish_is_proved_by_a_test_that_exists():
    page = (ROOT / "docs" / "layers.md").read_text()
    section = page[page.index("\n## Asked of torch.nn.LSTM\n") :]
    table = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(table) > 15
    for line in table:
        [(name, path)] = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\) \|$", line)
        assert f"\ndef {name}(" in (ROOT / path).read_text(), line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text()):
        assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), target
