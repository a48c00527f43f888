"""Tasks by name, a user's own, and what is wrong with one in a sentence."""

from __future__ import annotations

import re

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.search.tasks import HELD_OUT, REAL, SYNTHETIC, Batch, Task, mark, tasks


class Mine:
    """Say the input again."""

    name, inputs, outputs, classes = "mine", 2, 2, False

    def draw(self, count: int, random: np.random.Generator, held_out: bool) -> Batch:
        x = random.normal(size=(3, count, 2)).astype(np.float32)
        return Batch(x, x, np.ones((3, count), bool))


def test_tasks_are_named_or_objects():
    mine = Mine()
    assert isinstance(mine, Task)
    assert [task.name for task in tasks(["adding", mine, "digits"])] == ["adding", "mine", "digits"]


@pytest.mark.parametrize("name", [*SYNTHETIC, *REAL])
def test_every_task_draws_what_it_promises(name: str):
    [task] = tasks([name])
    assert task.name == name
    first = mark(task)
    assert first == mark(tasks([name])[0])
    assert len(set(first.split("-")[:3] if task.name in SYNTHETIC else first.split("-"))) >= 3


def test_held_out_tasks_exist():
    assert set(HELD_OUT) <= {*SYNTHETIC, *REAL}


def test_unknown_tasks_are_named():
    known = ", ".join([*SYNTHETIC, *REAL])
    with pytest.raises(InputError) as caught:
        tasks(["addin"])
    assert str(caught.value) == f"unknown task 'addin'; there are {known}, and path/to/table.csv"
    with pytest.raises(InputError, match="the task 'adding' is given twice; name each once"):
        tasks(["adding", "adding"])
    with pytest.raises(InputError, match="5 is no task: it needs name, inputs, outputs, classes and draw"):
        tasks([5])  # type: ignore[list-item]


ONES = np.ones((3, 4), bool)
X = np.zeros((3, 4, 2), np.float32)
WRONG = {
    "x has shape (3, 4, 1) of float32, not shape (3, 4, 2) of float32": (X[:, :, :1], X, ONES),
    "x has shape (3, 4, 2) of float64, not shape (3, 4, 2) of float32": (X.astype(float), X, ONES),
    "target has shape (3, 4) of float32, not shape (3, 4, 2) of float32": (X, X[:, :, 0], ONES),
    "mask has shape (3,) of bool, not shape (3, 4) of bool": (X, X, ONES[:, 0]),
    "no step is judged; mask is False everywhere": (X, X, ~ONES),
    "a number is not finite": (X, X * np.nan, ONES),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_task_that_draws_something_else_is_told(wrong: str):
    task = Mine()
    task.draw = lambda count, random, held_out: Batch(*WRONG[wrong])  # type: ignore[method-assign]
    with pytest.raises(InputError, match=re.escape(f"task 'mine', held_out=False: {wrong}")):
        mark(task)


def test_a_class_out_of_range_and_an_exception_are_told():
    task = Mine()
    task.classes = True
    task.draw = lambda count, random, held_out: Batch(X, np.full((3, 4), 2), ONES)  # type: ignore[method-assign]
    with pytest.raises(InputError, match="a class is not from 0 to 1"):
        mark(task)
    task.draw = lambda count, random, held_out: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(InputError, match="held_out=False: draw raised ZeroDivisionError: division by zero"):
        mark(task)
