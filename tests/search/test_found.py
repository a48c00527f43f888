"""The whole search, tiny: killed and gone on with, the result is the same; what is wrong with a call is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from keepgate.errors import InputError
from keepgate.search import save, search_cell
from keepgate.search.bench import NAME, Bench
from keepgate.search.saving import CELL

TINY: dict[str, Any] = {"updates": (2, 4, 6), "units": 4, "generations": 2, "processes": 1, "minutes": 60.0}
TASKS = {"chosen_on": ["latch", "order"], "held_out": ["parity"]}


def found_in(folder: Path | None, **options: Any):
    return search_cell(**{**TINY, **TASKS, "run": folder, **options})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("whole")
    return found_in(folder), folder


def test_it_finds_a_cell_and_compares_it(whole):
    found, _ = whole
    assert found.equations is found.member.equations
    assert found.member in [member for member, _ in found.finalists]
    assert list(found.comparison.scores) == ["found", "lstm", "lstm, forget bias 1", "gru", "mut1"]
    assert set(found.times) == {4, 128}
    assert "on tasks that it was not chosen on" in found.verdict
    assert ("is better than lstm" in found.verdict) is found.is_better


def test_going_on_after_the_end_trains_nothing(whole, monkeypatch: pytest.MonkeyPatch):
    found, folder = whole
    monkeypatch.setattr(Bench, "_run", lambda self, jobs: iter(()) if not jobs else pytest.fail("trained again"))
    again = found_in(folder)
    assert again.equations.dumps() == found.equations.dumps()
    assert again.comparison == found.comparison
    assert again.times == found.times


@pytest.mark.parametrize("lines", [1, 9, 25])
def test_going_on_from_any_line_gives_the_same(whole, tmp_path: Path, lines: int):
    found, folder = whole
    journal = (folder / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(journal[:lines]) + b'{"key": "torn')
    again = found_in(tmp_path)
    assert again.equations.dumps() == found.equations.dumps()
    assert again.comparison == found.comparison


def test_killed_and_gone_on_with(whole, tmp_path: Path):
    found, _ = whole
    call = {**TINY, **TASKS, "run": str(tmp_path / "run"), "processes": 2}
    code = f"if __name__ == '__main__':\n    from keepgate.search import search_cell\n    search_cell(**{call!r})\n"
    (tmp_path / "call.py").write_text(code)
    journal = tmp_path / "run" / NAME
    process = subprocess.Popen([sys.executable, tmp_path / "call.py"], env=os.environ | {"OMP_NUM_THREADS": "1"})
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 16):
        time.sleep(0.05)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = found_in(tmp_path / "run")
    assert again.equations.dumps() == found.equations.dumps()
    assert again.comparison == found.comparison


def test_the_clock_ends_a_search():
    """With next to no time there is one generation."""
    found = found_in(None, generations=None, minutes=0.001)
    assert found.search.generation == 1


def test_a_written_cell_is_the_one_that_was_found(whole, tmp_path: Path):
    from keepgate import cells

    found, _ = whole
    save(found, tmp_path)
    assert cells.get(f"{tmp_path / CELL}:Found").equations.dumps() == found.equations.dumps()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"minutes": 0}, "search.minutes=0 is not at least 0.001"),
        ({"method": "annealing"}, "search.method='annealing' is none of evolution, random"),
        ({"units": 1}, "search.units=1 is not at least 2"),
        ({"processes": 0}, "search.processes=0 is not at least 1"),
        ({"updates": (4, 2)}, "updates=(4, 2) have to grow"),
        ({"updates": ()}, "the number of values of search.updates=0 is not at least 1"),
        ({"generations": 0}, "search.generations=0 is not at least 1"),
        ({"held_out": ["latch"]}, "the task 'latch' is given twice; name each once"),
        ({"held_out": []}, "a search needs a task to choose cells on, and another to judge the chosen one by"),
    ],
)
def test_a_wrong_call_is_told(options: dict[str, Any], said: str):
    with pytest.raises(InputError) as caught:
        found_in(None, **options)
    assert str(caught.value) == said
