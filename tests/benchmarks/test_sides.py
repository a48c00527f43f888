"""The processes of the sides: what they are asked and answer, their environment, and how they end."""

from __future__ import annotations

import dataclasses
import os
import sys
from multiprocessing import Pipe
from threading import Thread

import numpy as np
import pytest

from benchmarks import worker as workers
from benchmarks.cases import Case, cases
from benchmarks.measure import FEWEST_TURNS, turns
from benchmarks.peers import TorchModule
from benchmarks.shapes import Shape
from benchmarks.sides import OTHER_CHECKOUT, Build, Failure, SideError, Start, held, sides
from benchmarks.worker import Worker, serve

CASE = Case("training", Shape(3, 2, 4, 5), "lstm", "train", TorchModule("LSTM"), 1.0)
WRONG = dataclasses.replace(CASE, cell="gru")  # torch's LSTM does not take its weights


def test_both_sides_answer_from_processes_of_their_own():
    with sides(Start(CASE, "ours", 1), Start(CASE, "theirs", 1)) as pair:
        values = [side.ask("values") for side in pair]
        packages = {side.ask("package") for side in pair}
        times = turns(pair, 0)
        process = pair[0]._process
        assert process.poll() is None
    assert process.poll() == 0
    for got, side in zip(values, ("ours", "theirs"), strict=True):
        for a, b in zip(got, Worker(CASE, side).values(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert packages == {Worker(CASE, "ours").package()}
    assert len(times) == FEWEST_TURNS
    assert all(time > 0 for pair in times for time in pair)


def test_questions_are_answered_in_turn_until_the_end_is_closed():
    near, far = Pipe()
    served = Thread(target=serve, args=[far])
    near.send((1, WRONG, "theirs"))
    served.start()
    near.send(("package",))
    assert near.recv() == Worker(WRONG, "theirs").package()
    near.send(("turn",))
    failure = near.recv()
    assert isinstance(failure, Failure)
    assert "size mismatch" in failure.text
    near.send(("package",))  # it goes on
    assert near.recv() == Worker(WRONG, "theirs").package()
    near.close()
    served.join(10)
    assert not served.is_alive()


def test_a_side_that_fails_or_ends_is_told_apart():
    with sides(Start(WRONG, "theirs", 1)) as [side]:
        with pytest.raises(SideError, match="theirs: Traceback"):
            side.ask("values")
        side._process.kill()
        with pytest.raises(SideError, match="the process of theirs ended with code -9"):
            side.ask("values")


def test_runs_count_that_begin_after_the_other_side_has_settled(monkeypatch):
    def turn(*took):
        """The time of a turn whose runs take so many seconds, and the number of runs."""
        clock, runs = [0.0], list(took)

        def step():
            clock[0] += runs.pop(0)

        worker = Worker(CASE, "ours")
        worker.__dict__["step"] = step
        with monkeypatch.context() as patch:
            patch.setattr(workers.time, "perf_counter", lambda: clock[0])
            return worker.turn(), len(took) - len(runs)

    monkeypatch.setattr(workers, "SETTLE", 2.0)
    monkeypatch.setattr(workers, "TURN", 3.0)
    monkeypatch.setattr(workers, "LONG", 50.0)
    assert turn(2, 1, 1, 7, 100) == (1000, 4)  # of 1, 1 and 7
    assert turn(10, 4, 100) == (4000, 2)
    assert turn(1, 10, 5, 100) == (5000, 3)
    assert turn(60, 100) == (60000, 1)


def test_no_variable_for_threads_reaches_a_side(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KEEPGATE_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("KEEPGATE_CPU", "avx2")
    given = Build().environment()
    assert not [name for name in given if name.startswith(("OMP", "GOMP", "MKL", "KEEPGATE_THREADS"))]
    assert given["KEEPGATE_CPU"] == "avx2"


def test_a_build_is_an_interpreter_or_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/of/this/build")
    assert Build.at(tmp_path) == Build(sys.executable, str(tmp_path / "src"), ("-c", OTHER_CHECKOUT))
    assert Build.at(tmp_path).environment()["PYTHONPATH"] == str(tmp_path / "src")
    python = tmp_path / "python"
    python.touch()
    assert Build.at(python) == Build(str(python), None)
    assert "PYTHONPATH" not in Build.at(python).environment()


def test_processes_are_held_to_as_many_processors_as_threads():
    every = os.sched_getaffinity(0)
    with held(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == every
    with pytest.raises(SystemExit, match="this machine has"), held(len(every) + 1):
        pass


def test_every_case_can_be_sent():
    near, far = Pipe()
    for case in cases():
        near.send(case)
        assert str(far.recv()) == str(case)
