"""Tasks of a search: what a task is, and those that there are by name.

A task of yours is any object with the attributes and the method of `Task`; `search_cell(tasks=["adding", mine])` takes
it beside the names.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from keepgate.errors import InputError, KeepgateError, quoted, reason

__all__ = ["HELD_OUT", "SYNTHETIC", "Batch", "Task", "mark", "tasks"]

SYNTHETIC = {
    "adding": "add two marked numbers of thirty (Hochreiter & Schmidhuber 1997)",
    "order": "the order of two letters among others (Hochreiter & Schmidhuber 1997)",
    "copy": "say again four letters, ten steps later",
    "arithmetic": "the next digit of the sum of two numbers",
    "brackets": "which bracket closes: nested parentheses of three kinds, a Dyck language",
    "latch": "the last number that was marked, under noise",
    "parity": "whether there were evenly many ones among the marked bits so far",
}
REAL = {
    "text": "the next character of an English text, scikit-learn's descriptions of its data",
    "digits": "handwritten digits, a row of eight pixels a step (scikit-learn)",
}
MARKED = 4  # sequences that are looked at
HELD_OUT = ("text", "digits", "parity")  # on which nothing is chosen, by default


@dataclass(frozen=True)
class Batch:
    """Sequences side by side.

    Attributes:
        x: [T, B, I] float32, what the network reads.
        target: [T, B] int64, classes; or [T, B, O] float32, numbers.
        mask: [T, B] booleans, the steps that are judged.
    """

    x: np.ndarray
    target: np.ndarray
    mask: np.ndarray


@runtime_checkable
class Task(Protocol):
    """What a search trains cells on.

    Attributes:
        name: of the task.
        inputs: I, numbers that are read at each step.
        outputs: O, classes or numbers that are said at each step.
        classes: whether targets are classes (cross-entropy) or numbers (squared error).
    """

    name: str
    inputs: int
    outputs: int
    classes: bool

    def draw(self, count: int, random: np.random.Generator, held_out: bool) -> Batch:
        """Return so many sequences; what is held out must never be drawn for training."""
        ...


def tasks(given: Sequence[str | Task]) -> list[Task]:
    """Return tasks: those of a name, those of a table (a path to a CSV file), and objects as they are.

    Raises:
        InputError: there is none of that name, a file has no numbers, or one is named twice.
    """
    found = [one if not isinstance(one, str) else _named(one) for one in given]
    for one in found:
        if not isinstance(one, Task):
            raise InputError(f"{quoted(one)} is no task: it needs name, inputs, outputs, classes and draw")
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"the task {quoted(twice[0])} is given twice; name each once")
    return found


def _named(name: str) -> Task:
    if name in SYNTHETIC:
        return importlib.import_module("keepgate.search.synthetic").TASKS[name]
    if name in REAL:
        return importlib.import_module("keepgate.search.real").TASKS[name]()
    if "." in name:
        return importlib.import_module("keepgate.search.real").Table(name)
    raise InputError(f"unknown task {quoted(name)}; there are {', '.join([*SYNTHETIC, *REAL])}, and path/to/table.csv")


def mark(task: Task) -> str:
    """Return a hash of what a task draws first, after a look at whether it is what was promised.

    Raises:
        InputError: drawing raises, or a shape, a type or a number is wrong.
    """
    sums = []
    for held_out in (False, True):
        where = f"task {quoted(task.name)}, held_out={held_out}"
        try:
            batch = task.draw(MARKED, np.random.default_rng(0), held_out)
            x, target, judged = (np.asarray(value) for value in (batch.x, batch.target, batch.mask))
        except KeepgateError:
            raise
        except Exception as error:
            raise InputError(f"{where}: draw raised {type(error).__name__}: {reason(error)}") from error
        _check(where, task, x, target, judged)
        sums += [zlib.crc32(np.ascontiguousarray(value).tobytes()) for value in (x, target, judged)]
    return "-".join(f"{value:08x}" for value in sums)


def _check(where: str, task: Task, x: np.ndarray, target: np.ndarray, judged: np.ndarray) -> None:
    steps = (x.shape[0], MARKED) if x.ndim else ()
    kind = np.int64 if task.classes else np.float32
    wanted = {
        "x": (x, (*steps, task.inputs), np.float32),
        "target": (target, steps if task.classes else (*steps, task.outputs), kind),
        "mask": (judged, steps, np.bool_),
    }
    for name, (value, shape, dtype) in wanted.items():
        if value.shape != shape or value.dtype != dtype:
            asked = f"shape {shape} of {np.dtype(dtype)}"
            raise InputError(f"{where}: {name} has shape {value.shape} of {value.dtype}, not {asked}")
    if not judged.any():
        raise InputError(f"{where}: no step is judged; mask is False everywhere")
    if not np.isfinite(x).all() or not np.isfinite(target[judged]).all():
        raise InputError(f"{where}: a number is not finite")
    if task.classes and not ((target[judged] >= 0) & (target[judged] < task.outputs)).all():
        raise InputError(f"{where}: a class is not from 0 to {task.outputs - 1}")
