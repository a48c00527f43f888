"""What ends a command: a line and an exit code, whatever it is; what nobody foresaw leaves a file to report with."""

from __future__ import annotations

import platform
import re
import stat
import tempfile
from pathlib import Path

import pytest

import keepgate as package
from cli.files import csv_lines, refused
from cli.test_main import python
from keepgate.cli import cells as command


@pytest.fixture
def raising(monkeypatch, keepgate, tmp_path):
    """`raising(error)` calls a command that raises it; its temporary folder is `tmp_path`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def call(error: BaseException | type[BaseException]):
        def fail(arguments):
            raise error

        monkeypatch.setattr(command, "main", fail)
        return keepgate("cells", "--flag", "a b")

    return call


def test_a_fault_is_one_line_and_a_file_that_tells_all(raising, tmp_path):
    outcome = raising(KeyError("x\x1b[2J\n" + "long" * 100))
    assert outcome.code == 70
    assert outcome.err.startswith("keepgate cells: unexpected KeyError: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.isascii()
    assert "\x1b" not in outcome.err
    assert len(outcome.err) < 600
    [file] = tmp_path.glob("keepgate-fault-*.txt")
    assert str(file) in outcome.err
    assert "report it to the issue tracker of its repository" in outcome.err
    told = file.read_text()
    assert told.startswith("command: keepgate cells --flag 'a b'\n")
    assert f"\nkeepgate: {package.__version__}\n" in told
    assert f"\npython: {platform.python_version()}\n" in told
    assert re.search(r"\nnumpy: \d", told)
    assert "Traceback (most recent call last)" in told
    assert "test_faults.py" in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_folder_for_it_the_fault_is_printed(raising, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    outcome = raising(KeyError("x"))
    assert outcome.code == 70
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("keepgate cells: unexpected KeyError: 'x'")


class OutOfMemoryError(RuntimeError):
    """As torch calls that of a GPU."""


class Panic(BaseException):
    """As libraries in Rust raise."""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 2, "not enough memory"),
        (OutOfMemoryError("CUDA out of memory"), 2, "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 2, "not enough memory"),
        (RecursionError(), 2, "nested too deep"),
        (SystemExit(0), 2, "asked Python to exit"),
        (SystemExit("bye"), 2, "asked Python to exit"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Panic("at the disco"), 70, "Panic: at the disco"),
    ],
)
def test_every_end_is_one_line(raising, tmp_path, error, code, words):
    outcome = raising(error)
    assert (outcome.code, outcome.err.count("\n"), outcome.out) == (code, 1, "")
    assert words in outcome.err
    assert len(list(tmp_path.iterdir())) == (code == 70)


def test_who_looks_for_the_fault_sees_the_traceback(raising, monkeypatch):
    monkeypatch.setenv("KEEPGATE_DEBUG", "1")
    outcome = raising(KeyError("x"))
    assert outcome.code == 70
    assert "Traceback (most recent call last)" in outcome.err


@pytest.mark.parametrize("where", ["sys.exit(0)\n", "", "    sys.exit(0)\n"])
def test_a_cell_that_exits_does_not_end_a_training_as_if_all_were_well(keepgate, file, tmp_path, where):
    cell = tmp_path / "mine.py"
    cell.write_text(
        "import sys\nfrom keepgate.equations import Cell\nclass Mine(Cell):\n    def step(self, x, last):\n"
        + ("        sys.exit()\n" if not where else "        pass\n" + where)
    )
    data = file("train.csv", csv_lines())
    outcome = keepgate("fit", "classify", data, "--out", tmp_path / "run", "--cell", f"{cell}:Mine", "--no-progress")
    refused(outcome)
    assert "exit" in outcome.err.lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@pytest.mark.parametrize("arguments", [["cells"], ["show", "rnn"]])  # more than Python gathers at once, and less
def test_a_full_standard_output_is_no_success(arguments):
    script = f"import sys; from keepgate.cli import main; sys.exit(main({arguments}))"
    done = python("-c", f"import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); {script}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"keepgate {arguments[0]}: cannot write ")
    assert done.stderr.endswith("No space left on device\n")
    assert done.stderr.count("\n") == 1


def test_help_and_usage_end_as_argparse_says():
    for arguments, code in ((["cells", "--help"], 0), (["cells", "--nonsense"], 2)):
        assert python("-m", "keepgate", *arguments).returncode == code
