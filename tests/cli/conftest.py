"""A way to call the command line, and a run to call it with."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.files import FAST, csv_lines
from keepgate.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def keepgate(capsys) -> Callable[..., Outcome]:
    """`keepgate("fit", ...)` runs the command and gives its exit code and what it wrote."""

    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse, for --help and wrong flags
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def file(tmp_path) -> Callable[[str, list[str]], Path]:
    """`file(name, lines)` writes a text file and gives its path."""

    def write(name: str, lines: list[str]) -> Path:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


@pytest.fixture
def run(keepgate, file, tmp_path) -> Path:
    """The folder of a trained run."""
    outcome = keepgate("fit", "classify", file("train.csv", csv_lines()), "--out", tmp_path / "run", *FAST)
    assert outcome.code == 0, outcome.err
    return tmp_path / "run"
