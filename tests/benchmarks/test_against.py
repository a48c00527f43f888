"""Two builds beside each other, and what is said of rows: the table of builds, the page, and README's summary."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keepgate
from benchmarks.against import SELECTED, selected
from benchmarks.cases import SUITES, Case, cases
from benchmarks.measure import Measurement
from benchmarks.results import row_of
from benchmarks.shapes import SHORT, Shape
from benchmarks.summary import BEGIN, END, NAMED, summary, written
from benchmarks.table import page
from benchmarks.worker import Worker
from keepgate.native import _core
from pages import ROOT

SHAPES = (Shape(28, 128, 28, 100), Shape(64, 8, 24, 96))


def steps(shape, threads, ours, ratio):
    """A row of a whole training step."""
    case = next(case for case in cases() if case.suite == "steps" and case.shape == shape)
    return row_of(case, threads, Measurement(ours, ours * ratio, ratio, ratio - 0.1, ratio + 0.1, 6), (1e-6, 2e-6))


ROWS = [
    steps(SHAPES[0], 2, 10.0, 2.0),
    steps(SHAPES[0], 1, 15.0, 1.0),
    steps(SHAPES[1], 2, 2.0, 0.5),
    steps(SHAPES[1], 1, 3.0, 4.0),
]


def test_what_is_compared_is_each_thing_once_and_all_that_a_change_may_slow():
    every = selected(None, "", short=False)
    assert {case.suite for case in every} == set(SELECTED)
    assert len({case.name for case in every}) == len(every)
    assert {case.shape for case in every if case.suite == "steps"} == {row[0] for row in SUITES["steps"].rows}
    assert any(case.suite == "inference" and case.shape == (1, 1, 64, 64) for case in every)
    short = selected(None, "", short=True)
    assert {case.suite for case in short} == set(SELECTED)
    assert {case.shape for case in short} == set(SHORT)
    assert [case.cell for case in selected(["ctc"], "logits", short=False)] == ["ctc_loss_from_logits"]
    assert not selected(["memory"], "", short=False)


@pytest.mark.parametrize("suite", ["crf", "compress"])
def test_what_has_no_peer_runs(suite):
    case = Case(suite, Shape(50, 3, 5, 0), suite, "train", None, 1.0)
    first, again = (Worker(case, "ours").values() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert Worker(case, "ours").turn() > 0


def against(place, *options):
    """Run the command against another build."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--against",
        str(place),
        "--threads",
        "1",
        "--seconds",
        "0",
        *options,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_a_build_beside_another_says_which_they_are_and_how_they_compare(tmp_path):
    package = Path(keepgate.__file__).parent
    shutil.copytree(package, tmp_path / "src/keepgate", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_core.__file__, tmp_path / "src/keepgate/native")  # an editable install keeps it elsewhere
    done = against(tmp_path, "--suite", "stream", "--short")
    assert done.returncode == 0, done.stderr
    assert f"old: {tmp_path}/src/keepgate/__init__.py\nnew: {package}/__init__.py\n" in done.stdout
    row = next(line for line in done.stdout.splitlines() if "stream (1, 1, 64, 64)" in line)
    ours, theirs, ratio = (float(cell) for cell in row.split("|")[3:6])
    assert 0 < ratio < 2 * theirs / ours
    assert "same bits" in row
    assert re.search(r"geometric mean \| 1 \|  \|  \| \d+\.\d+ \|", done.stdout)


def test_a_build_is_not_compared_with_itself():
    done = against(sys.executable, "--suite", "stream", "--short")
    assert done.returncode == 1
    assert "both sides import" in done.stderr


def test_the_first_table_is_of_whole_steps_and_single_calls_come_after_their_condition():
    other = next(case for case in cases() if case.suite == "training")
    text = page([*ROWS, row_of(other, 2, Measurement(1.0, 2.0, 2.0, 1.9, 2.1, 6), (1e-6, 2e-6))])
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert headings[1:] == [SUITES["steps"].title, "Single calls in isolation", SUITES["training"].title]
    assert "10 | 2.00 (1.90–2.10) | 15 | 1.00 (0.90–1.10) | 2e-06 | 1.00 | 1.50 ✗ |" in text
    assert "2 | 0.50 (0.40–0.60) ✗ | 3 | 4.00 (3.90–4.10) | 2e-06 | 1.00 | 1.50 |" in text  # too short to be asked
    assert "1.00 at 2 threads (asked: 1.2), 2.00 at 1 thread (asked: 1.15)" in text


def test_the_summary_says_only_what_rows_show(tmp_path):
    assert set(NAMED) <= {(case.suite, case.peer.name) for case in cases() if case.peer}
    text = summary(ROWS)
    assert "| (28, 128, 28, 100) | 10 | 2.00 | 15 | 1.00 |" in text
    assert "| geometric mean |  | 1.00 |  | 2.00 |" in text
    assert "Of 4 comparisons with other packages, 1 have a ratio below 1" in text
    assert "GRU" not in text
    assert "Single calls" not in text
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert written(readme, []) == readme.read_text()
    assert written(readme, ROWS) == f"before\n{BEGIN}\n{text}{END}\nafter\n"
    without = [dataclasses.replace(row, suite="gru", peer="torch.nn.GRU") for row in ROWS]
    assert "whole training step" not in summary(without)
    assert "| GRU | torch.nn.GRU | 0.50–2.00; 1.00 | 1.00–4.00; 2.00 |" in summary(without)
