"""The harness: every row of the registry computes the same on both sides, and the command writes what it says."""

from __future__ import annotations

import csv
import dataclasses
import math
import subprocess
import sys

import pytest
import torch

from benchmarks.cases import SUITES, Case, cases
from benchmarks.measure import TOLERANCE, Disagreement, Measurement, agree, compare, time_case
from benchmarks.memory import peak_in_fresh_process
from benchmarks.peers import Peer, PlainLSTM, TorchModule
from benchmarks.problems import Population, Problem
from benchmarks.results import Row, key_of, read, row_of, write
from benchmarks.shapes import Shape
from keepgate import cells
from pages import ROOT


def small(case: Case) -> Case:
    """The case at a small shape; single steps stay single."""
    return dataclasses.replace(case, shape=Shape(min(case.shape.steps, 4), 3, 5, 6))


# Registered at several shapes; here each is tried once.
SMALL = {str(small(case)): small(case) for case in cases()}


@pytest.mark.parametrize("case", SMALL.values(), ids=SMALL)
def test_both_sides_of_every_row_compute_the_same(case, monkeypatch):
    if reason := case.peer.missing():
        pytest.skip(reason)
    monkeypatch.setattr(Population, "NETWORKS", 3)
    tolerance = SUITES[case.suite].tolerance
    with torch.inference_mode(case.mode != "train"):
        problem = case.problem()
        absolute, relative = agree(problem.ours(), case.peer.check(problem, case.peer.step(problem)), tolerance)
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


class Wrong(Peer):
    """A peer whose output is not ours."""

    name = "wrong"

    def __init__(self, change):
        self.change = change

    def step(self, problem):
        run = TorchModule("LSTM").step(problem)

        def step():
            output, *rest = run()
            return self.change(output), *rest

        return step


@pytest.mark.parametrize(
    "change",
    [lambda y: y + 10 * TOLERANCE, lambda y: y * math.nan, lambda y: y[:1]],
    ids=["value", "nan", "shape"],
)
def test_no_time_is_taken_where_values_disagree(change):
    case = Case("training", Shape(2, 1, 3, 4), "lstm", "train", Wrong(change), 1.0)
    with pytest.raises(Disagreement, match="values"):
        time_case(case, 0.0)


def test_errors_are_absolute_and_relative_to_the_largest_element_of_a_tensor():
    ours = (torch.tensor([1.0, 2.0]), torch.tensor([100.0, 0.5]))
    theirs = (torch.tensor([1.0, 1.5]), (torch.tensor(100.0), torch.tensor(-0.5)))
    absolute, relative = compare(ours, theirs)
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


def test_peak_memory_holds_at_least_what_a_step_returns():
    case = next(case for case in cases() if case.suite == "memory")
    returned = sum(value.numel() * 4 for value in case.problem().ours()()) / 2**20
    assert returned < peak_in_fresh_process(case, "ours") < 20 * returned


def test_the_command_measures_and_writes_rows_table_and_picture(tmp_path):
    options = ["--suite", "inference", "--only", "(1, 1, 64, 64)", "--seconds", "0.01", "--threads", "1"]
    command = [sys.executable, "-m", "benchmarks", *options, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "results.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == [field.name for field in dataclasses.fields(Row)]
    rows = list(read(tmp_path / "results.csv").values())
    assert {row.peer for row in rows} >= {"torch.nn.LSTM", "torch.nn.LSTMCell", "ONNX Runtime"}
    for row in rows:
        assert (row.shape, row.threads, row.engine, row.unit) == ("(1, 1, 64, 64)", 1, "native", "ms")
        assert 0 < row.ratio_lower <= row.ratio <= row.ratio_upper
        assert row.max_error <= TOLERANCE
        assert row.turns >= 5
        assert row.peer in (tmp_path / "README.md").read_text()
        assert f"beside {row.peer}: " in done.stdout
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_long_sequence_trains_in_a_third_of_the_memory():
    for case in cases():
        if case.suite == "recompute":
            assert peak_in_fresh_process(case, "ours") < peak_in_fresh_process(case, "theirs") / 3
