"""The journal: what is known is not trained again, a torn line is cut off, another search is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from keepgate import cells
from keepgate.equations import Cell, affine, relu
from keepgate.errors import InputError
from keepgate.search import bench as benches
from keepgate.search.bench import Bench, Job
from keepgate.search.synthetic import TASKS

TWO = (TASKS["latch"], TASKS["order"])
JOB = Job(cells.get("rnn").equations, TWO, (0.01, 0.01), 4, 0, (2, 4, 6))


def test_a_job_trains_on_all_tasks_up_to_a_hurdle():
    whole = JOB.run()
    assert {name: len(scores) for name, scores in whole["scores"].items()} == {"latch": 3, "order": 3}
    assert whole["lost"] is None
    short = replace(JOB, hurdles=(-0.99, 0.9)).run()
    assert {name: len(scores) for name, scores in short["scores"].items()} == {"latch": 2, "order": 2}
    assert short["scores"]["latch"] == whole["scores"]["latch"][:2]


def test_a_training_that_comes_to_nothing_is_told():
    class Bomb(Cell):
        def step(self, x, last):
            return self.State(h=relu(1e30 * affine("a", x, last.h)))

    result = replace(JOB, equations=Bomb().equations).run()
    assert "not finite" in result["lost"]


def test_the_key_names_all_that_matters():
    others = [
        replace(JOB, equations=cells.get("gru").equations),
        replace(JOB, tasks=TWO[::-1]),
        replace(JOB, rates=(0.01, 0.02)),
        replace(JOB, size=5),
        replace(JOB, seed=1),
        replace(JOB, updates=(2, 4, 7)),
        replace(JOB, hurdles=(0.1,)),
        replace(JOB, forget_bias=1.0),
    ]
    assert len({job.key for job in [JOB, *others]}) == 9
    assert replace(JOB).key == JOB.key


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ran: list[str] = []

    def run(self: Job):
        ran.append(self.key)
        return {"scores": {"latch": [0.5]}, "lost": None}

    monkeypatch.setattr(Job, "run", run)
    return ran


def test_what_is_known_is_not_trained_again(tmp_path: Path, counted: list[str]):
    jobs = [JOB, replace(JOB, seed=1), JOB]
    with Bench(tmp_path, {"a": (1,)}, 1) as bench:
        assert bench.all(jobs) == [{"scores": {"latch": [0.5]}, "lost": None}] * 3
        assert bench.fact("clock", lambda: 5) == 5
        spent = bench.spent
    assert len(counted) == 2
    with Bench(tmp_path, {"a": (1,)}, 1) as bench:
        assert bench.spent == spent
        bench.all([*jobs, replace(JOB, seed=2)])
        assert bench.fact("clock", lambda: 6) == 5
    assert counted[2:] == [replace(JOB, seed=2).key]


def test_a_torn_line_is_cut_off(tmp_path: Path, counted: list[str]):
    with Bench(tmp_path, {}, 1) as bench:
        bench.all([JOB, replace(JOB, seed=1)])
    journal = tmp_path / benches.NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    with Bench(tmp_path, {}, 1) as bench:
        bench.all([JOB, replace(JOB, seed=1)])
    assert len(counted) == 3
    keys = [json.loads(line)["key"] for line in journal.read_bytes().splitlines()[1:]]
    assert keys == counted[:1] + counted[2:]


def test_another_search_is_refused(tmp_path: Path):
    with Bench(tmp_path, {"seed": 0, "tasks": ["a"]}, 1):
        pass
    with pytest.raises(InputError) as caught, Bench(tmp_path, {"seed": 1, "tasks": ["a"]}, 1):
        pass
    assert str(caught.value) == (
        f"{tmp_path} holds a search with seed=0: go on with that, or take another folder for 'seed'"
    )


def test_a_search_of_another_version_is_refused(tmp_path: Path):
    with Bench(tmp_path, {"version": 1, "draws": ["0"]}, 1):
        pass
    now = {"version": 2, "draws": ["1"]}
    with (
        pytest.raises(InputError, match="another version of keepgate began: take another folder"),
        Bench(tmp_path, now, 1),
    ):
        pass


@pytest.mark.parametrize("line", [b"[]", b"{}", b"nonsense", b'{"key": 1}'])
def test_a_damaged_journal_is_told(tmp_path: Path, line: bytes):
    with Bench(tmp_path, {}, 1):
        pass
    journal = tmp_path / benches.NAME
    journal.write_bytes(journal.read_bytes() + line + b"\n")
    with pytest.raises(InputError, match=r"trials\.jsonl, line 2: that is no line of a search; remove the file"):
        Bench(tmp_path, {}, 1).__enter__()


def test_one_search_at_a_time(tmp_path: Path):
    with Bench(tmp_path, {}, 1), pytest.raises(InputError, match="is in use: process"):
        Bench(tmp_path, {}, 1).__enter__()


def test_processes_give_the_same_results():
    jobs = [replace(JOB, seed=seed) for seed in range(3)]
    with Bench(None, {}, 1) as one, Bench(None, {}, 2) as two:
        assert one.all(jobs) == two.all(jobs)


def test_a_process_that_ends_is_told(monkeypatch: pytest.MonkeyPatch):
    """As in a script that has no part of its own for the first process."""
    monkeypatch.setattr(benches, "_begin", os._exit)
    with (
        pytest.raises(InputError, match="a process that trains has ended before its work"),
        Bench(None, {}, 2) as bench,
    ):
        bench.all([JOB])
