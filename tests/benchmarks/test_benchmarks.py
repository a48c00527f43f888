"""The harness: every row of the registry computes the same on both sides, and the command writes what it says."""

from __future__ import annotations

import csv
import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from benchmarks.cases import SUITES, Case, cases
from benchmarks.measure import (
    FEWEST_TURNS,
    PROCESSES,
    TOLERANCE,
    Disagreement,
    Measurement,
    agree,
    differences,
    measure,
)
from benchmarks.peers import PlainLSTM, TorchModule
from benchmarks.problems import Population, Problem
from benchmarks.results import Row, key_of, read, row_of, write
from benchmarks.shapes import Shape
from benchmarks.sides import Start, sides
from benchmarks.summary import BEGIN, END, written
from benchmarks.worker import Worker
from keepgate import cells
from pages import ROOT


def small(case: Case) -> Case:
    """The case at a small shape; single steps stay single."""
    return dataclasses.replace(case, shape=Shape(min(case.shape.steps, 4), 3, 5, 6))


# Registered at several shapes; here each is tried once.
SMALL = {str(small(case)): small(case) for case in cases() if case.peer}


@pytest.mark.parametrize("case", SMALL.values(), ids=SMALL)
def test_both_sides_of_every_row_compute_the_same(case, monkeypatch):
    if reason := case.peer.missing():
        pytest.skip(reason)
    monkeypatch.setattr(Population, "NETWORKS", 3)
    tolerance = SUITES[case.suite].tolerance
    with torch.inference_mode(case.mode != "train"):
        ours, theirs = (Worker(case, side).values() for side in ("ours", "theirs"))
    absolute, relative = agree(ours, theirs, tolerance)
    assert 0 <= absolute < tolerance / 10
    assert 0 <= relative < tolerance / 10


def test_the_registry_has_every_cell_and_modifier_once_at_each_shape():
    measured = [case for case in cases() if case.suite == "cells"]
    names = [case.cell.partition("(")[0] for case in measured if case.shape == measured[0].shape]
    assert sorted(names) == sorted(name for name in (*cells.registry(), *cells.modifiers()) if name != "lstm")
    keys = [key_of(case, 1) for case in cases()]
    assert len(set(keys)) == len(keys)


def test_work_is_counted_by_products():
    shape = Shape(7, 3, 5, 6)
    assert Problem("lstm", shape, "inference").operations() == 2 * 7 * 3 * 4 * 6 * (5 + 6)
    assert Problem("lstm", shape, "train").operations() == 6 * 7 * 3 * 4 * 6 * (5 + 6)
    assert PlainLSTM().work(Problem("gru", shape, "train")) == 3 / 4
    assert PlainLSTM().work(Problem("projected(lstm, 3)", shape, "train")) == (24 * (5 + 3) + 3 * 6) / (24 * 11)


def test_the_two_sides_of_a_training_step_agree_over_more_than_one_step():
    case = next(small(case) for case in cases() if case.suite == "steps")
    both = [Worker(case, side) for side in ("ours", "theirs")]
    for _ in range(3):  # a wrong gradient or a weight left out would lead them apart
        errors = agree(*(worker.values() for worker in both))
    assert errors[1] > 0


@pytest.mark.parametrize(
    "change",
    [lambda y: y + 10 * TOLERANCE, lambda y: y * math.nan, lambda y: y[:1]],
    ids=["value", "nan", "shape"],
)
def test_values_that_differ_are_a_disagreement(change):
    values = [np.ones((2, 3), np.float32), np.zeros(4, np.float32)]
    assert agree(values, values) == (0, 0)
    with pytest.raises(Disagreement, match="values"):
        agree(values, [change(values[0]), values[1]])


def test_no_time_is_taken_where_values_disagree():
    case = Case("training", Shape(2, 1, 3, 4), "activation(lstm, 'relu')", "train", TorchModule("LSTM"), 1.0)
    with pytest.raises(Disagreement, match="values differ by"):
        measure(Start(case, "ours", 1), Start(case, "theirs", 1), 0.0)


def test_errors_are_absolute_and_relative_to_the_largest_element_of_a_tensor():
    ours = (np.array([1.0, 2.0]), np.array([100.0, 0.5]))
    theirs = (np.array([1.0, 1.5]), np.array([100.0, -0.5]))
    absolute, relative = differences(ours, theirs)
    assert absolute == 1.0
    assert relative == 0.5 / 1.5


def test_the_ratio_is_the_median_over_pairs_of_turns():
    measured = Measurement.of([1.0, 2.0, 4.0], [3.0, 2.0, 6.0], work=2.0)
    assert measured == Measurement(ours=2.0, theirs=3.0, ratio=3.0, lower=2.5, upper=4.5, turns=3)


def test_a_row_measured_again_replaces_the_old_one_and_is_read_back(tmp_path):
    path = tmp_path / "results.csv"
    first, second = cases()[:2]
    rows = {}
    for case, ours in ((second, 1.0), (first, 2.0), (second, 3.0)):
        row = row_of(case, 2, Measurement(ours, 4.0, 4 / ours, 1.0, 5.0, 7), (1e-6, 2e-6))
        rows[row.key] = row
        write(path, rows.values())
    assert [row.ours for row in read(path).values()] == [2.0, 3.0]
    assert read(path) == rows
    write(path, [*rows.values(), dataclasses.replace(row, peer="no longer registered")])
    assert read(path) == rows


def test_a_peer_that_is_not_installed_is_left_out_with_the_reason():
    peer = TorchModule("LSTM")
    peer.packages = ("no_such_package",)
    assert peer.missing() == "no_such_package is not installed; run: pip install 'keepgate[bench]'"


def peak(case, side):
    """The peak of one side in MiB."""
    with sides(Start(case, side, 1)) as [process]:
        return process.ask("peak")


def test_peak_memory_holds_at_least_what_a_step_returns():
    case = next(case for case in cases() if case.suite == "memory")
    returned = sum(value.numel() * 4 for value in case.problem().ours()()) / 2**20
    assert returned < peak(case, "ours") < 20 * returned


def test_readme_says_of_speed_what_the_rows_show():
    rows = list(read(ROOT / "benchmarks/results.csv").values())
    text = (ROOT / "README.md").read_text()
    assert text.index(BEGIN) < text.index(END)
    assert written(ROOT / "README.md", rows) == text


def test_rows_measured_in_another_way_are_not_read(tmp_path):
    path = tmp_path / "results.csv"
    row = row_of(cases()[0], 2, Measurement(1.0, 2.0, 2.0, 1.0, 3.0, 7), (1e-6, 2e-6))
    write(path, [row])
    assert list(read(path)) == [row.key]
    path.write_text(path.read_text().replace("processes", "something"))
    assert not read(path)


@pytest.mark.slow
def test_the_command_measures_and_writes_rows_table_and_picture(tmp_path):
    options = ["--suite", "inference", "--only", "LSTMCell", "--seconds", "0", "--threads", "1"]
    command = [sys.executable, "-m", "benchmarks", *options, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "results.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == [field.name for field in dataclasses.fields(Row)]
    rows = list(read(tmp_path / "results.csv").values())
    assert [row.peer for row in rows] == ["torch.nn.LSTMCell"]
    row = rows[0]
    assert (row.shape, row.threads, row.engine, row.unit) == ("(1, 1, 64, 64)", 1, "native", "ms")
    assert 0 < row.ratio_lower <= row.ratio <= row.ratio_upper
    assert row.max_error <= TOLERANCE
    assert row.turns == PROCESSES * FEWEST_TURNS
    assert row.peer in (tmp_path / "README.md").read_text()
    assert f"beside {row.peer}: " in done.stdout
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_long_sequence_trains_in_a_third_of_the_memory():
    for case in cases():
        if case.suite == "recompute":
            assert peak(case, "ours") < peak(case, "theirs") / 3
