"""Tasks on data: what is held out is never drawn for training; a bad table is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.search.real import ALPHABET, LEAST_ROWS, Digits, Table, Text
from keepgate.search.tasks import tasks


def test_digits_that_are_held_out_are_others():
    task = Digits()
    parts = [task.draw(400, np.random.default_rng(0), held_out) for held_out in (False, True)]
    images = [{b.x[:, i].tobytes() for i in range(400)} for b in parts]
    assert not images[0] & images[1]
    assert set(parts[0].target[-1]) == set(range(10))
    assert parts[0].x.max() <= 1


def test_the_text_is_english_and_its_last_fifth_is_held_out():
    task = Text()
    train, test = (task.draw(64, np.random.default_rng(0), held_out) for held_out in (False, True))
    said = "".join(ALPHABET[s] for s in train.x[:, 0].argmax(1))
    assert np.array_equal(train.x[1:].argmax(2), train.target[:-1])
    assert " the " in "".join(ALPHABET[s] for s in task.parts[False][:2000])
    assert said in "".join(ALPHABET[s] for s in task.parts[False])
    assert "".join(ALPHABET[s] for s in test.target[:, 5]) in "".join(ALPHABET[s] for s in task.parts[True])
    assert len(task.parts[True]) == pytest.approx(0.2 * sum(map(len, task.parts.values())), abs=1)


def write(path: Path, rows: int, value=lambda i: np.sin(i)) -> str:
    lines = [f"{i},{value(i)},5,word" for i in range(rows)]
    path.write_text("\n".join(["time,a,still,text", *lines]))
    return str(path)


def test_a_table_is_a_task(tmp_path: Path):
    [task] = tasks([write(tmp_path / "waves.csv", 600)])
    assert (task.name, task.inputs, task.outputs, task.classes) == ("waves", 1, 1, False)  # time goes up evenly
    batch = task.draw(8, np.random.default_rng(0), False)
    assert batch.x.shape == batch.target.shape == (40, 8, 1)
    change = np.diff(batch.x[:, :, 0], axis=0)
    assert np.corrcoef(change.ravel(), batch.target[:-1, :, 0].ravel())[0, 1] == pytest.approx(1, abs=1e-6)
    assert batch.target.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("name", "rows", "value", "said"),
    [
        ("short.csv", 50, np.sin, f"has 50 rows; it needs at least {LEAST_ROWS}"),
        ("still.csv", 500, lambda i: 1, "has no column of numbers that change"),
        ("gap.csv", 500, lambda i: "" if i == 7 else i * i, "has no number in row 9, column 2 of its numbers; fill it"),
    ],
)
def test_a_bad_table_is_told(tmp_path: Path, name: str, rows: int, value, said: str):
    path = write(tmp_path / name, rows, value)
    with pytest.raises(InputError) as caught:
        Table(path)
    assert str(caught.value) == f"the task {path} {said}"


def test_a_table_that_is_not_there():
    with pytest.raises(InputError, match=r"cannot read the task none\.csv: No such file or directory"):
        tasks(["none.csv"])
