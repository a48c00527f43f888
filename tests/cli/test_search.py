"""`keepgate search cell` as it is typed."""

from __future__ import annotations

import pytest

from cli.files import refused
from keepgate import cells
from keepgate.cli import search as command
from keepgate.search import found as defaults
from keepgate.search.evolution import METHODS

TINY = ["--updates", "2", "4", "--units", "4", "--generations", "1", "--processes", "1"]


def test_it_finds_a_cell_that_other_commands_take(keepgate, tmp_path):
    run = tmp_path / "run"
    arguments = ["search", "cell", "--task", "latch", "--held-out", "order", *TINY, "--out", run]
    done = keepgate(*arguments)
    assert done.code == 0, done.err
    assert "On tasks that chose nothing" in done.out
    assert "of lstm's time" in done.out
    assert {path.name for path in run.iterdir()} == {
        *("found.py", "leaderboard.csv", "family.png", "report.html", "trials.jsonl"),
    }
    shown = keepgate("show", f"{run}/found.py:Found")
    assert shown.code == 0
    assert str(cells.get(f"{run}/found.py:Found").equations) in shown.out
    again = keepgate(*arguments)
    assert again.out == done.out
    refused(keepgate(*arguments, "--seed", "5"), "holds a search with seed=0", "take another folder")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["layer", "--out", "run"], ["'layer' is none of cell"]),
        (["cell"], ["--out"]),
        (["cell", "--out", "run", "--method", "annealing"], ["annealing"]),
    ],
)
def test_wrong_usage(keepgate, arguments, words):
    done = keepgate("search", *arguments)
    assert done.code == 2
    for word in words:
        assert word in done.err


def test_an_unknown_task_is_one_sentence(keepgate, tmp_path):
    done = keepgate("search", "cell", "--task", "adding", "nonsense", "--out", tmp_path / "run", *TINY)
    refused(done, "unknown task 'nonsense'; there are adding, order")
    assert not (tmp_path / "run").exists()


def test_the_defaults_of_the_command_are_those_of_the_function():
    flags = command._flags()
    options = flags.parse_args(["cell", "--out", "x"])
    assert tuple(options.task) == defaults.CHOSEN_ON
    assert tuple(options.updates) == defaults.UPDATES
    assert options.units == defaults.UNITS
    assert command.METHODS == METHODS
